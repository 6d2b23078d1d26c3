"""The shared session: TLS is verified, nothing is remembered, nothing comes from the environment."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import DummyCookieJar, web

from syncd.errors import StoreFault
from syncd.transport import HeaderSigner, HttpClient, Limits, make_session
from tests.transport.misbehaving import FakeChance, FakeClock, HeardListener, answers

SELF_SIGNED = Path(__file__).with_name(
    "self_signed.pem"
)  # made for these tests, good for 127.0.0.1 from 2020 until 2120


@pytest.fixture
async def shop_behind_tls(shop) -> AsyncIterator[str]:
    """The address of the same shop over TLS, with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def client_of(session, url: str) -> HttpClient:
    return HttpClient(
        session=session,
        base_url=url,
        signer=HeaderSigner({}),
        clock=FakeClock(),
        chance=FakeChance(),
        limits=Limits(tries_max=1, interval_default_seconds=0.0),
        listener=HeardListener(),
        secrets=[],
    )


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(shop, shop_behind_tls):
    async with make_session() as session:
        client = client_of(session, shop_behind_tls)
        with pytest.raises(StoreFault, match=r"certificate was refused: .*self.signed") as caught:
            await client.write("POST", "/x", b"{}")
        assert "certificate" in caught.value.hint
    assert shop.requests == []


async def test_a_private_authority_can_be_handed_in(shop, shop_behind_tls):
    context = ssl.create_default_context(cafile=str(SELF_SIGNED))
    async with make_session(context) as session:
        assert (await client_of(session, shop_behind_tls).read("/x")).status == 200


async def test_cookies_are_not_kept(make_guest, shop):
    guest = make_guest()
    shop.script = [answers([], headers={"Set-Cookie": "session=1; Path=/"})]
    await guest.client.read("/x")
    await guest.client.read("/x")
    assert "Cookie" not in shop.requests[1].headers
    assert isinstance(
        guest.client._session.cookie_jar, DummyCookieJar
    )  # another would refuse those of an IP address alone


async def test_a_proxy_of_the_environment_is_not_used(shop, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with make_session() as session:
        assert (await client_of(session, shop.url).read("/x")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"share": 1.5},
        {"tries_max": 0},
        {"body_bytes_max": 0},
        {"total_seconds": -1.0},
        {"interval_default_seconds": -0.1},
        {"patience_seconds": -1.0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"above 0|share|negative"):
        Limits(**wrong)
