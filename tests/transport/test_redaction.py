"""Secrets are never shown: not in messages, first bytes, bodies of refusals, causes, contexts or edges."""

from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import SyncdError
from syncd.transport import HeaderSigner, HttpClient, Limits, QueryKeySigner, make_session
from syncd.transport.redaction import HIDDEN, SCANNED_BYTES_MAX, Redaction
from tests.transport.misbehaving import (
    TOKEN,
    FakeChance,
    FakeClock,
    HeardListener,
    answers,
    cuts_off,
    hangs,
    resets,
    says,
    shows_page,
)

FORMS = [TOKEN, quote(TOKEN, safe=""), TOKEN.replace("/", "\\/")]


def everything_said(error: BaseException) -> str:
    """All that a log could show of an error and of what it drags along."""
    said, seen = [], [error]
    for one in seen:
        said += [str(one), repr(one), repr(one.args), repr(vars(one))]
        seen += [linked for linked in (one.__cause__, one.__context__) if linked is not None and linked not in seen]
    return "\n".join([*said, *traceback.format_exception(error)])


ECHO = f"https://shop/x?consumer_key={TOKEN}&a=b and {quote(TOKEN, safe='')} and X-Auth-Token: {TOKEN}"
BEHAVIOURS = {
    "page": shows_page(503, text=f"<p>{ECHO}</p>"),
    "200 page": shows_page(200, text=ECHO),
    "refusal": answers({"code": TOKEN, "message": ECHO}, status=400),
    "not found": answers({"code": TOKEN, "message": ECHO}, status=404),
    "forbidden": answers({"code": TOKEN, "message": ECHO}, status=403),
    "redirect": answers(status=302, raw=b"", headers={"Location": ECHO}),
    "redirect host": answers(status=302, raw=b"", headers={"Location": f"https://{TOKEN.replace('/', '')}.example"}),
    "throttled": answers({"message": ECHO}, status=429),
    "reset": resets(),
    "cut off": cuts_off(ECHO.encode()),
    "no http": says(f"HTTP/1.1 999999 {TOKEN}\r\n\r\n".encode()),
    "silence": hangs(),
}


@pytest.mark.parametrize("how", ["read", "write"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
async def test_no_error_shows_a_secret(make_guest, shop, behaviour, how):
    signer = QueryKeySigner({"consumer_key": TOKEN, "some_name": TOKEN})
    guest = make_guest(signer=signer, tries_max=1, failures_max=1, total_seconds=0.2)
    shop.script = [behaviour]
    asking = guest.client.read("/x") if how == "read" else guest.client.write("POST", "/x", b"{}")
    with pytest.raises(SyncdError) as caught:
        await asking
    said = everything_said(caught.value) + repr(guest.listener.heard)
    assert not [form for form in FORMS if form in said]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_no_error_shows_a_secret_when_nobody_is_there(make_guest):
    guest = make_guest(
        base_url="http://127.0.0.1:1", signer=QueryKeySigner({"consumer_secret": TOKEN}), tries_max=1, failures_max=1
    )
    with pytest.raises(SyncdError) as caught:
        await guest.client.read("/x")
    said = everything_said(caught.value) + repr(guest.listener.heard)
    assert not [form for form in FORMS if form in said]


async def test_the_host_of_a_redirect_may_be_a_secret_too(shop):
    shop.script = [answers(status=302, raw=b"", headers={"Location": "https://hushhush.example/"})]
    async with make_session() as session:
        client = HttpClient(
            session=session,
            base_url=shop.url,
            signer=HeaderSigner({}),
            clock=FakeClock(),
            chance=FakeChance(),
            limits=Limits(),
            listener=HeardListener(),
            secrets=["hushhush"],
        )
        with pytest.raises(SyncdError, match="redirected") as caught:
            await client.read("/x")
    assert "hushhush" not in everything_said(caught.value)


async def test_an_unreadable_body_does_not_show_a_secret_either(guest, shop):
    shop.script = [answers({"echo": TOKEN})]
    answer = await guest.client.read("/x")
    with pytest.raises(SyncdError) as caught:
        answer.json(list[int])
    assert TOKEN not in everything_said(caught.value)
    assert TOKEN not in repr(answer)


@pytest.mark.parametrize(
    "text",
    [
        "https://h/p?consumer_key=ck_1234567&consumer_secret=hush",
        '{"access_token": "hush"}',
        "X-Auth-Token: hush",
        "Authorization: Basic aHVzaDpodXNo",
        "authorization=Bearer hush.hush.hush",
        "oauth_signature=hush%3D&oauth_nonce=hush",
        "return_to=%2Fx%3Fconsumer_secret%3Dhush",
        "password = hush",
        "api_key:hush",
    ],
)
def test_what_follows_a_secret_looking_name_is_hidden_though_nobody_told_us_of_it(text):
    shown = Redaction().text(text)
    assert HIDDEN in shown
    assert "hush" not in shown
    assert "aHVza" not in shown


def test_ordinary_text_is_left_alone():
    text = '404: order 12 has no key "_reduced_stock", see Basic plan; tokens are fine'
    assert Redaction(["", "abc"]).text(text) == text


def test_a_secret_is_hidden_before_the_excerpt_is_cut():
    for length in range(250, 320):
        shown = Redaction([TOKEN]).excerpt(b"x" * length + TOKEN.encode())
        assert TOKEN[:6] not in shown


def test_a_secret_at_the_end_of_what_is_scanned_is_not_half_shown():
    secret = "hush" * 300
    noise = secret.encode() * (SCANNED_BYTES_MAX // len(secret) + 5)  # all but the last collapse to a few characters
    assert "hush" not in Redaction([secret]).excerpt(noise)


def test_a_secret_that_contains_another_is_hidden_whole():
    assert Redaction(["hush", "hush-and-more"]).text("hush-and-more") == HIDDEN


def test_a_body_of_bytes_that_are_no_text_survives():
    assert Redaction([TOKEN]).body(b"\xff\x00" + TOKEN.encode() + b"\xfe") == b"\xff\x00" + HIDDEN.encode() + b"\xfe"


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["{}", "a={}", '"token":"{}"', "Basic {}"]))
def test_a_known_secret_never_survives(before, after, frame):
    shown = Redaction([TOKEN]).text(before + frame.format(TOKEN) + after)
    assert not [form for form in FORMS if form in shown]


@pytest.mark.parametrize(
    "text", ["token" * 40_000, "token=" * 30_000, "a" * 200_000, "token    " * 20_000, '"' * 200_000]
)
def test_no_text_takes_long(text):
    """Quadratic patterns would take minutes here, and the whole run with them."""
    Redaction([TOKEN]).text(text)
