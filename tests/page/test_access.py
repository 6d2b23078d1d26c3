"""Who may look at the page, and who may decide something: over a real socket, as a browser without scripts would."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web
from yarl import URL

from syncd.core.quantity import SECOND, Instant
from syncd.page import access, site
from syncd.page.access import COOKIE, Access
from tests.page.life import TOKEN, serving

LOOKS = ["/", "/stock", "/orders", "/quarantine", "/effects", "/sku?sku=VASE", "/order?store=us&order=1102"]
HTML = {"Accept": "text/html"}


class Visitor:
    """A browser's session, its cookies kept."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
        async with self.session.request(
            method, self.url + path, headers=HTML | headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, Any]:
        given = {"Origin": self.url} | headers
        async with self.session.post(
            self.url + path, data=fields, headers={k: v for k, v in given.items() if v}, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def log_in(self, token: str = TOKEN) -> tuple[int, str, Any]:
        return await self.send("/login", {"token": token})

    async def form_code(self, path: str = "/logout") -> str:
        return re.findall(r'name="code" value="(\w+)"', (await self.get(path))[1])[0]

    def cookie(self) -> Any:
        return next((each for each in self.session.cookie_jar if each.key == COOKIE), None)


@asynccontextmanager
async def visiting(bench: Any, token: str | None = TOKEN) -> AsyncIterator[Visitor]:
    async with (
        serving(bench, token) as url,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        yield Visitor(session, url)


async def first_entry(bench: Any) -> int:
    return int((await bench.call("quarantine.list"))["entries"][0]["id"])


async def state_of(bench: Any, number: int) -> str:
    return str((await bench.call("quarantine.show", id=number))["state"])


@pytest.mark.parametrize("path", [*LOOKS, "/nothing", "/quarantine/entry?id=1", "/logout", "/health"])
async def test_a_browser_without_the_token_gets_the_form_and_learns_nothing(lively, path):
    async with visiting(lively) as visitor:
        status, text, headers = await visitor.get(path)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert 'name="token"' in text
        asked = re.compile(r'.*(name="to"|Logged in already).*\n')  # what was asked for is no news to whoever asked
        text = asked.sub("", text)
        assert not any(word in text for word in ("acme", "MUG", "1102", "us/")), "what runs here isn't told"
        assert text == asked.sub("", (await visitor.get("/"))[1])


async def test_the_token_is_shown_once_and_then_a_session_does(lively):
    async with visiting(lively) as visitor:
        status, _, headers = await visitor.log_in()
        assert (status, headers["Location"]) == (303, "/")
        kept = headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(kept.split("; "))
        assert TOKEN not in kept
        for path in LOOKS:
            status, text, headers = await visitor.get(path)
            assert status == 200, (path, text)
            assert headers["Cache-Control"] == "no-store"
            assert TOKEN not in text
        assert (await visitor.get("/health"))[0] == 200


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/sku?sku=VASE&span=7d", "/sku?sku=VASE&span=7d"), ("", "/"), ("https://evil.example/sku", "/"), ("//evil.example/sku", "/"),
        ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("/quarantine/release", "/"), ("/login", "/"), ("http://[", "/"),
        ("sku", "/"),
    ],
)  # fmt: skip
async def test_after_the_token_one_is_where_one_wanted_to_go_and_never_elsewhere(lively, to, leads):
    async with visiting(lively) as visitor:
        _, _, headers = await visitor.send("/login", {"token": TOKEN, "to": to})
        assert headers["Location"] == leads


async def test_behind_a_proxy_with_a_certificate_the_cookie_stays_on_tls(lively):
    async with visiting(lively) as visitor:
        named = {"Host": "syncd.example", "Origin": "https://syncd.example"}
        _, _, headers = await visitor.send("/login", {"token": TOKEN}, **named)
        assert "Secure" in headers["Set-Cookie"]
        assert "Secure" not in (await visitor.log_in())[2]["Set-Cookie"]
        assert (await visitor.send("/login", {"token": TOKEN}, **named | {"Origin": "https://evil.example"}))[0] == 403


async def test_the_form_knows_where_one_wanted_to_go(lively):
    async with visiting(lively) as visitor:
        _, text, _ = await visitor.get("/sku?sku=VASE")
        assert 'name="to" value="/sku?sku=VASE"' in text


@pytest.mark.parametrize(
    "asked",
    [
        "//evil.example/steal",
        "//evil.example/sku",
        "/%2Fevil.example/sku",
        "///evil.example",
        "/\\\\evil.example",
        "/quarantine/release",
    ],
)
async def test_the_form_leads_nowhere_else(lively, asked):
    async with (
        visiting(lively) as visitor,
        visitor.session.get(URL(visitor.url + asked, encoded=True), headers=HTML, allow_redirects=False) as answer,
    ):
        text = await answer.text()
        assert answer.status == 401
        assert 'name="to" value="/"' in text
        assert "Open it again" not in text


async def test_the_token_itself_may_be_sent_with_each_request(lively):
    async with visiting(lively) as visitor:
        assert (await visitor.get("/stock", Authorization=f"Bearer {TOKEN}"))[0] == 200


async def test_a_session_ends_by_time_by_logging_out_and_with_another_token(lively, monkeypatch):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        code = await visitor.form_code()
        assert (await visitor.send("/logout", {"code": code}))[0] == 303
        assert visitor.cookie() is None
        assert (await visitor.get("/"))[0] == 401
        await visitor.log_in()
        later = lively.clock.now() + round(access.SESSION_SECONDS + 1) * SECOND
        with monkeypatch.context() as patch:
            patch.setattr(type(lively.clock), "now", lambda _self: Instant(later))
            assert (await visitor.get("/"))[0] == 401
        assert (await visitor.get("/"))[0] == 200
        session = visitor.cookie().value
    async with visiting(lively, "another-token-than-that") as visitor:
        assert (await visitor.get("/", Cookie=f"{COOKIE}={session}"))[0] == 401


@pytest.mark.parametrize(
    "forged", ["", ".", "9", "99999999999999999999.", "99999999999999999999.ab", "-1.x", "\u0663.x", "9" * 4_000]
)
async def test_a_session_that_was_made_up_is_none(lively, forged):
    async with visiting(lively) as visitor:
        assert (await visitor.get("/", Cookie=f"{COOKIE}={forged}"))[0] == 401


async def test_the_end_of_a_session_can_not_be_put_off(lively):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        until, _, code = visitor.cookie().value.partition(".")
    async with visiting(lively) as visitor:
        assert (await visitor.get("/", Cookie=f"{COOKIE}={until}.{code}"))[0] == 200
        assert (await visitor.get("/", Cookie=f"{COOKIE}={int(until) + 1}.{code}"))[0] == 401


async def test_whoever_guesses_has_to_wait_and_the_right_token_too(lively):
    async with visiting(lively) as visitor:
        for _ in range(access.WRONG_MAX):
            assert (await visitor.log_in("a-guess"))[0] == 401
        status, text, headers = await visitor.log_in()
        assert status == 429
        assert 0 < int(headers["Retry-After"]) <= access.WRONG_SECONDS
        assert "Too many wrong tokens" in text


async def test_strangers_whose_form_never_arrives_take_nobodys_place(lively, monkeypatch):
    monkeypatch.setattr(site, "FORM_SECONDS", 1.0)
    head = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\nto"
    begun = 0
    arrival = site._arrival

    async def beginning(request: web.Request) -> None:
        nonlocal begun
        begun += 1
        await arrival(request)

    monkeypatch.setattr(site, "_arrival", beginning)
    answers: list[bytes] = []

    async def dawdle(port: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(head.encode())
            answers.append(await stream.receive())

    async with visiting(lively) as visitor:
        port = URL(visitor.url).port
        assert port is not None
        async with anyio.create_task_group() as group:
            for _ in range(site.PAGES_AT_ONCE_MAX):
                group.start_soon(dawdle, port)
            with anyio.fail_after(10):
                while begun < site.PAGES_AT_ONCE_MAX:  # noqa: ASYNC110 -- the server tells nobody
                    await anyio.sleep(0.01)
            assert (await visitor.get("/stock", Authorization=f"Bearer {TOKEN}"))[0] == 200
            assert (await visitor.log_in())[0] == 303
    assert [answer.split(b" ")[1] for answer in answers] == [b"408"] * site.PAGES_AT_ONCE_MAX


async def test_where_all_places_are_taken_one_can_still_log_in(lively, monkeypatch):
    waiting = 0

    async def wait(*_: object) -> None:
        nonlocal waiting
        waiting += 1
        await anyio.sleep_forever()

    async with visiting(lively) as visitor:
        monkeypatch.setattr(site, "effects", wait)
        async with anyio.create_task_group() as group:
            for _ in range(site.PAGES_AT_ONCE_MAX):
                group.start_soon(partial(visitor.get, "/effects", Authorization=f"Bearer {TOKEN}"))
            with anyio.fail_after(10):
                while waiting < site.PAGES_AT_ONCE_MAX:  # noqa: ASYNC110 -- as above
                    await anyio.sleep(0.01)
            assert (await visitor.get("/stock", Authorization=f"Bearer {TOKEN}"))[0] == 503
            assert (await visitor.log_in())[0] == 303
            group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("fields", "headers", "status"),
    [
        ({"token": "x" * 9_000}, {}, 413),
        ({"token": "x", "what": "1"}, {}, 400),
        ({"token": "x"}, {"Content-Type": "text/plain"}, 415),
        ({"token": "x"}, {"Content-Encoding": "gzip"}, 415),
        ({"token": "x"}, {"Origin": "https://evil.example"}, 403),
    ],
)
async def test_a_stranger_whose_form_is_wrong_learns_nothing(lively, fields, headers, status):
    async with visiting(lively) as visitor:
        told, text, _ = await visitor.send("/login", fields, **headers)
        assert told == status
        assert 'role="alert"' in text
        assert not any(word in text for word in ("acme", "/stock", "syncd 0"))


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("unicode_escape", b"token=%5Cud800"), ("punycode", b"token=%ff-%ff"), ("idna", b"token=%ff"), ("rot13", b"token=a"),
        ("utf-7", b"token=%2BAA"), ("utf-16", b"token=a"), ("x-none", b"token=a"), ("utf-8", b"token=\xff"),
        ("utf-8", b"token=" + b"x" * 600), ("utf-8", b"token=%00"),
    ],
)  # fmt: skip
async def test_a_login_that_is_no_text_is_a_wrong_try(lively, charset, body):
    told = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    async with visiting(lively) as visitor:
        address, headers = f"{visitor.url}/login", {"Origin": visitor.url} | told
        statuses = []
        for _ in range(access.WRONG_MAX + 1):
            async with visitor.session.post(address, data=body, headers=headers) as answer:
                statuses.append(answer.status)
    assert statuses == [400] * access.WRONG_MAX + [429]


async def test_a_token_may_have_any_letter_and_its_form_says_utf_8(lively):
    async with visiting(lively) as visitor:
        told = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        assert (await visitor.send("/login", {"token": "\u00fc\U0001f600"}, **told))[0] == 401
        assert (await visitor.send("/login", {"token": TOKEN}, **told))[0] == 303


async def test_behind_a_proxy_each_stranger_has_tries_of_his_own(lively):
    """The proxy of this machine writes the caller it sees behind whatever that one has claimed."""
    async with visiting(lively) as visitor:
        for n in range(access.WRONG_MAX):
            sent = await visitor.send(
                "/login", {"token": "a-guess"}, **{"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.7"}
            )
            assert sent[0] == 401
        again = {"X-Forwarded-For": "198.51.100.8, 198.51.100.7"}
        assert (await visitor.send("/login", {"token": TOKEN}, **again))[0] == 429
        assert (await visitor.send("/login", {"token": TOKEN}, **{"X-Forwarded-For": "198.51.100.8"}))[0] == 303
        two = [("Origin", visitor.url), ("X-Forwarded-For", "198.51.100.8"), ("X-Forwarded-For", "198.51.100.7")]
        async with visitor.session.post(f"{visitor.url}/login", data={"token": TOKEN}, headers=two) as answer:
            assert answer.status == 429, "a proxy may also write a header of its own behind the caller's"


def test_the_wait_is_of_one_address_and_of_all_together_and_ends():
    class Clock:
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    clock = Clock()
    guard = Access(TOKEN, clock)  # type: ignore[arg-type]
    for _ in range(access.WRONG_MAX):
        assert guard.wait_seconds("a") == 0
        guard.was_wrong("a")
    assert guard.wait_seconds("a") == access.WRONG_SECONDS
    assert guard.wait_seconds("b") == 0
    for n in range(access.WRONG_OF_ALL_MAX):
        guard.was_wrong(f"host-{n}")
    assert guard.wait_seconds("b") == access.WRONG_SECONDS
    for n in range(access.ADDRESSES_MAX + 5):
        guard.was_wrong(f"more-{n}")
    assert len(guard._wrong) == access.ADDRESSES_MAX
    clock.at = access.WRONG_SECONDS
    assert guard.wait_seconds("b") == 0


async def test_a_decision_is_made_by_the_form_and_answered_by_a_redirect(lively):
    number = await first_entry(lively)
    async with visiting(lively) as visitor:
        await visitor.log_in()
        path = f"/quarantine/entry?id={number}"
        fields = {"code": await visitor.form_code(path), "tenant": "acme", "id": str(number)}
        status, text, _ = await visitor.send("/quarantine/release", fields | {"decision": "count"})
        assert status == 409, "the ERP still has no such SKU"
        assert "still has no SKU GHOST" in text
        assert await state_of(lively, number) == "held"
        status, _, headers = await visitor.send("/quarantine/release", fields | {"decision": "already_counted"})
        assert (status, headers["Location"]) == (303, f"/quarantine/entry?tenant=acme&id={number}")
        assert await state_of(lively, number) == "already_counted"
        assert "Taken as counted already" in (await visitor.get(headers["Location"]))[1]
        assert lively.log.getvalue().count('"event":"control.command"') == 2, "as every command"
        assert (await visitor.send("/quarantine/release", fields | {"decision": "count"}))[0] == 409


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"code": ""}, {}),
        ({"code": "0" * 64}, {}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": ""}),
        ({}, {"Origin": "", "Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
        ({}, {"Sec-Fetch-Site": "none"}),
        ({}, {"Cookie": "syncd-session="}),
    ],
)
async def test_a_form_that_another_site_has_sent_decides_nothing(lively, change, headers):
    number = await first_entry(lively)
    async with visiting(lively) as visitor:
        await visitor.log_in()
        fields = {"tenant": "acme", "id": str(number), "decision": "already_counted"}
        fields |= {"code": await visitor.form_code()} | change
        if "Cookie" in headers:
            visitor.session.cookie_jar.clear()
        status, _, _ = await visitor.send("/quarantine/release", fields, **headers)
        assert status in {401, 403}
        assert await state_of(lively, number) == "held"


async def test_no_other_site_can_use_up_the_tries_of_whoever_looks_at_it(lively):
    async with visiting(lively) as visitor:
        for _ in range(access.WRONG_MAX + 1):
            sent = await visitor.send("/login", {"token": "x"}, **{"Sec-Fetch-Site": "cross-site"})
            assert sent[0] == 403
        assert (await visitor.log_in())[0] == 303


async def test_without_a_token_this_machine_may_look_and_nobody_can_decide_or_see_customers(lively):
    entries = (await lively.call("quarantine.list"))["entries"]
    number = next(entry["id"] for entry in entries if entry["order"] == "1103")
    async with visiting(lively, None) as visitor:
        for path in LOOKS:
            assert (await visitor.get(path))[0] == 200
        status, text, _ = await visitor.get(f"/quarantine/entry?id={number}&raw=shown")
        assert status == 200
        assert "Example Street" not in text
        assert f"syncd quarantine release {number} --tenant acme --count" in text
        assert f"<code>syncd quarantine show {number} --tenant acme</code>" in text
        assert "<form" not in text.partition("<main")[2]
        fields = {"code": "", "tenant": "acme", "id": str(number), "decision": "already_counted"}
        assert (await visitor.send("/quarantine/release", fields))[0] == 403
        assert await state_of(lively, number) == "held"
        assert (await visitor.get("/", Host="evil.example"))[0] == 421
        assert (await visitor.get("/login"))[0] == 404


async def test_what_customers_wrote_is_shown_to_whoever_asks_for_it_alone(lively):
    entries = (await lively.call("quarantine.list"))["entries"]
    number = next(entry["id"] for entry in entries if entry["order"] == "1103")
    async with visiting(lively) as visitor:
        await visitor.log_in()
        pages = [*LOOKS, "/order?store=web&order=1103", f"/quarantine/entry?id={number}"]
        assert not any(["Example Street" in (await visitor.get(path))[1] for path in pages])
        assert "Example Street" in (await visitor.get(f"/quarantine/entry?id={number}&raw=shown"))[1]
