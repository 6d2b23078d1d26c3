"""What the page answers: its headers, its complaints, and that nothing of others is ever more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from syncd.core.order import Unreadable
from syncd.core.quantity import Instant, units
from syncd.ledger import levels
from syncd.ledger.outbox import Subscription
from syncd.ledger.schema import level_write
from syncd.page import site
from syncd.page.words import ago, change, clock_text, lasting, link, quantity, seen
from syncd.reconcile.sink_step import SinkOptions, SinkStep
from syncd.testing.fake_sink import FakeSink
from tests.control.bench import SECOND, order
from tests.page.life import doubt
from tests.page.test_access import LOOKS, visiting


class Sheet(HTMLParser):
    """A page as a browser takes it: its scripts, the names of its attributes, its text."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(str(dict(attrs).get("src")).partition("?")[0])

    def handle_data(self, data):
        self.text += data


HOSTILE = '<script>alert("x")</script>\' onload=alert(1) \u202egpj.exe'


@pytest.mark.parametrize("path", [*LOOKS, "/login", "/nothing", "/page.css", "/page.js", "/icon.svg", "/find?q=x"])
async def test_every_answer_keeps_the_browser_strict(lively, path):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        _, _, headers = await visitor.get(path)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    assert {policy.pop(name) for name in ("frame-ancestors", "base-uri")} == {"'none'"}
    assert set(policy.values()) == {"'self'"}
    assert set(policy) == {"style-src", "script-src", "img-src", "connect-src", "form-action"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == ("same-origin" if path == "/login" else "no-referrer")


async def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline(lively):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        for path in LOOKS:
            _, text, _ = await visitor.get(path)
            assert not re.search(r'(?:src|href|action)="(?!/|#|")', text), path
            assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:", text), path
            for asset in re.findall(r'(?:src|href)="(/[^"]+\?v=\w+)"', text):
                status, _, headers = await visitor.get(asset)
                assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nothing", 404, "no such page"),
        ("/stock?tenant=nobody", 404, "no tenant is called"),
        ("/stock?what=1", 400, "doesn’t know"),
        ("/stock?only=everything", 400, "differences"),
        ("/stock?q=a&q=b", 400, "more than once"),
        ("/stock?q=" + "a" * 600, 400, "too long"),
        ("/sku", 400, "missing"),
        ("/sku?sku=NOPE", 404, "has the SKU"),
        ("/sku?sku=TEE", 404, "did you mean"),
        ("/sku?sku=VASE&span=1y", 400, "another value"),
        ("/sku?sku=VASE&before=%00", 400, "no text"),
        ("/sku?sku=VASE&before=x-1", 400, "none of this page"),
        ("/sku?sku=VASE&before=" + "9" * 19 + "-1", 400, "none of this page"),
        ("/orders?before=1", 400, "none of this page"),
        ("/orders?before=" + "9" * 19 + "/us/1", 400, "none of this page"),
        ("/order?store=us", 400, "missing"),
        ("/order?store=us&order=9", 404, "know order 9"),
        ("/order?store=nowhere&order=1", 404, "has no store"),
        ("/orders?store=nowhere", 404, "has no store"),
        ("/quarantine?after=-1", 400, "whole number"),
        ("/quarantine/entry?id=x", 400, "whole number"),
        ("/quarantine/entry?id=" + "9" * 19, 400, "whole number"),
        ("/quarantine/entry?id=" + "9" * 18, 404, "no quarantine entry"),
        ("/quarantine/entry?id=987654", 404, "no quarantine entry"),
    ],
)
async def test_what_can_not_be_answered_is_told_clearly(lively, path, status, says):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        told, text, headers = await visitor.get(path)
        assert told == status
        assert says in text.replace("&#39;", "’").replace("'", "’") or says in text
        assert headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 405), ("DELETE", "/stock", 405), ("GET", "/quarantine/release", 405), ("PUT", "/health", 405),
        ("POST", "/page.css", 404), ("OPTIONS", "/stock", 405), ("POST", "/live", 405),
    ],
)  # fmt: skip
async def test_each_address_takes_its_methods_alone(lively, method, path, status):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        told, _, headers = await visitor.get(path, method)
        assert told == status
        assert ("Allow" in headers) == (status == 405)


async def test_head_tells_what_get_would_without_the_body(lively):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        status, text, headers = await visitor.get("/stock", "HEAD")
        assert (status, text) == (200, "")
        assert int(headers["Content-Length"]) > 1_000


async def test_a_form_is_small_and_of_one_type(lively):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        status, text, headers = await visitor.send("/quarantine/release", {"code": "x" * 10_000})
        assert status == 413
        assert "longer than any" in text
        assert "Content-Security-Policy" in headers
        strange = {"Content-Type": "application/x-www-form-urlencoded; charset=x-none"}
        assert (await visitor.send("/quarantine/release", {"code": "x"}, **strange))[0] == 400
        for content_type in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
            told = {"Content-Type": content_type, "Origin": visitor.url}
            address = f"{visitor.url}/quarantine/release"
            async with visitor.session.post(address, data=b"code=x", headers=told) as answer:
                assert answer.status == 415


async def test_what_others_have_written_is_text_and_nothing_else(bench):
    """SKUs, order numbers and names come from shops; `<script>` there is seven characters and a word."""
    await bench.ledger.run(
        lambda c: levels.write_levels(c, "acme", {(HOSTILE, "main"): units(10)}, Instant(1), Instant(2))
    )
    await bench.open_store("us", **{HOSTILE: 9})
    await bench.take("us", order(HOSTILE, {HOSTILE: 2, f"no {HOSTILE}": 1}))
    await bench.take("us", Unreadable(f"1{HOSTILE}", HOSTILE, HOSTILE.encode()))
    entries = (await bench.call("quarantine.list"))["entries"]
    paths = [
        "/", "/stock", link("/stock", q=HOSTILE), link("/stock", q="no such"), link("/sku", sku=HOSTILE), "/orders",
        link("/order", store="us", order=HOSTILE), "/quarantine", "/effects", link("/sku", sku=f"x{HOSTILE}"),
        *[link("/quarantine/entry", id=entry["id"], raw="shown") for entry in entries],
    ]  # fmt: skip
    async with visiting(bench) as visitor:
        await visitor.log_in()
        for path in paths:
            status, text, _ = await visitor.get(path)
            assert status == (404 if "x%3Cscript" in path else 200), (path, text)
            sheet = Sheet()
            sheet.feed(text)
            assert set(sheet.scripts) <= {"/page.js"}, path
            assert not [name for name in sheet.attributes if name.startswith("on")], path
            assert "\u202e" not in sheet.text, path
        assert "&lt;script&gt;" in (await visitor.get("/stock"))[1]


async def test_too_many_at_once_are_told_to_come_again_and_probes_are_not_among_them(lively, monkeypatch):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        monkeypatch.setattr(site, "PAGES_AT_ONCE_MAX", 0)
        status, text, headers = await visitor.get("/stock")
        assert (status, headers["Retry-After"]) == (503, "2")
        assert "Too many ask at once" in text
        assert (await visitor.get("/health", Authorization="Bearer a-token-that-is-long-enough"))[0] == 200


async def test_a_slow_query_is_ended_and_told(lively, monkeypatch):
    monkeypatch.setattr("syncd.page.stock.LOOK_SECONDS", 0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    monkeypatch.setattr("syncd.page.stock._rows", lambda c, *_: c.exec_driver_sql(endless).scalar_one())
    async with visiting(lively) as visitor:
        await visitor.log_in()
        status, text, headers = await visitor.get("/stock")
        assert (status, headers["Retry-After"]) == (503, "5")
        assert "took longer" in text


def test_words():
    now = Instant(1_764_000_000 * SECOND)
    assert [quantity(value) for value in (None, "3", "-2.5", "12000", "-1234567.25")] == [
        "—", "3", "−2.5", "12\u202f000", "−1\u202f234\u202f567.25",
    ]  # fmt: skip
    assert [change(value) for value in ("3", "-3", "0")] == ["+3", "−3", "0"]
    assert [lasting(value) for value in (None, 3.4, 99, 100, 5_999, 6_000, 172_799, 172_800)] == [
        "—", "3 s", "99 s", "1 min", "99 min", "1 h", "47 h", "2 days",
    ]  # fmt: skip
    assert seen("a\u202eb\x1b\n\u200bc") == "a\\u202eb\\u001b\\u000a\\u200bc"
    assert clock_text("2025-11-24T15:00:05Z", now) == "15:00:05"
    assert clock_text("2025-11-23T15:00:05Z", now) == "23 Nov 15:00"
    assert clock_text("2024-11-23T15:00:05Z", now) == "23 Nov 2024"
    assert ago(None, now) == "never"
    assert link("/sku", sku="a/b&c=d", tenant=None, q="") == "/sku?sku=a%2Fb%26c%3Dd"


async def test_many_tenants_are_a_list_and_each_has_its_own_first_page(lively, monkeypatch):
    await doubt(lively)
    async with visiting(lively) as visitor:
        await visitor.log_in()
        assert "Orders taken in" in (await visitor.get("/"))[1]
        monkeypatch.setattr("syncd.page.overview.TENANTS_WHOLE_MAX", 0)
        monkeypatch.setattr("syncd.page.overview.NEEDS_MAX", 1)
        _, text, _ = await visitor.get("/")
        assert "Orders taken in" not in text
        assert '<a href="/?tenant=acme">' in text
        assert "And 1 more." in text
        monkeypatch.setattr("syncd.page.overview.TENANTS_WHOLE_MAX", 1)
        assert "Orders taken in" in (await visitor.get("/?tenant=acme"))[1]


async def test_the_flow_is_what_the_ledger_has_counted(bench):
    await bench.stock(BOLT=10)
    await bench.open_store("us", BOLT=10)
    async with visiting(bench) as visitor:
        await visitor.log_in()

        async def told() -> list[str]:
            return re.findall(r'class="big">(\d+) ', (await visitor.get("/"))[1])

        assert await told() == ["0", "0", "0"]
        await bench.take("us", order("1", {"BOLT": 2}), order("2", {"BOLT": 1}))
        assert await told() == ["2", "0", "0"]
        await bench.take("us", *bench.shops["us"].known.values())
        assert await told() == ["2", "0", "0"], "nothing was news"
        await bench.post()
        assert await told() == ["2", "2", "0"]


async def test_writes_in_doubt_are_all_counted_and_shown_first(lively, monkeypatch):
    monkeypatch.setattr("syncd.page.effects.ROWS", 3)
    now = lively.clock.now()

    def unit(connection):
        for number, (item, state) in enumerate([*[("LAMP", "doubt")] * 2, *[("VASE", "sent")] * 4]):
            connection.execute(
                level_write.insert().values(
                    tenant="acme", store="web", item=f"i-{item}", seq=900 + number, key=f"w-{number}", state=state, change=-1,
                    level=None, blind_from=0, sent_at=now + number, not_after=now, ended=now + 3_600 * SECOND, target=0, low=0,
                    high=0, why="", reason="",
                )
            )  # fmt: skip

    def shown(text, region):
        return re.findall(
            r'data-label="Effect">.*?(w-\d)', text.partition(f'id="{region}"')[2].partition("</table>")[0]
        )

    await lively.ledger.run(unit)
    async with visiting(lively) as visitor:
        await visitor.log_in()
        _, text, _ = await visitor.get("/effects")
        assert shown(text, "writes-in-doubt") == ["w-1", "w-0"]
        assert shown(text, "open-writes") == ["w-5"]
        assert "3 of 6 writes are shown" in text
        monkeypatch.setattr("syncd.page.effects.ROWS", 1)
        _, text, _ = await visitor.get("/effects")
        assert 'Writes in doubt</span><span class="big">2<' in text
        monkeypatch.setattr("syncd.page.effects.ROWS", 6)
        assert "writes are shown" not in (await visitor.get("/effects"))[1]


async def test_differences_are_found_page_by_page(bench, monkeypatch):
    monkeypatch.setattr("syncd.page.stock.ROWS", 2)
    monkeypatch.setattr("syncd.page.stock.SKUS_AT_ONCE", 3)
    skus = [f"S{number:02}" for number in range(12)]
    await bench.stock(**dict.fromkeys(skus, 5))
    await bench.open_store("us", **{sku: 4 if number % 3 == 0 else 5 for number, sku in enumerate(skus)})
    async with visiting(bench) as visitor:
        await visitor.log_in()
        for first, expected in (
            ("/stock", skus),
            ("/stock?only=differences", skus[::3]),
            ("/stock?q=s0", skus[:10]),
            ("/stock?q=S1&only=differences", []),
        ):
            found, path = [], first
            while path:
                _, text, _ = await visitor.get(path)
                page = re.findall(r'<th scope="row"><a href="/sku\?tenant=acme&amp;sku=(\w+)"', text)
                assert len(page) <= 2
                found += page
                path = (re.findall(r'href="([^"]+)" rel="next"', text) or [""])[0].replace("&amp;", "&")
            assert found == expected, first


async def test_what_moved_a_sku_comes_in_pages_that_leave_nothing_out(bench, monkeypatch):
    """Many moves are confirmed at the very same instant."""
    monkeypatch.setattr("syncd.page.story.ROWS", 3)
    await bench.stock(BOLT=100)
    await bench.open_store("us", BOLT=100)
    await bench.take("us", *(order(str(number), {"BOLT": 1}) for number in range(10)))
    await bench.post()
    bench.app.books[0].receive("BOLT", units(50), location="main", reference="delivery")
    await bench.watch()
    async with visiting(bench) as visitor:
        await visitor.log_in()
        orders, own, path = [], [], "/sku?sku=BOLT"
        while path:
            _, text, _ = await visitor.get(path)
            table = text.partition('class="fold story')[2].partition("</table>")[0]
            orders += re.findall(r"order=(\d+)", table)
            own += re.findall(r'<span class="plus">\+(\d+)', table)
            path = (re.findall(r'href="([^"]+)" rel="next"', text) or [""])[0].replace("&amp;", "&")
    assert sorted(orders, key=int) == [str(number) for number in range(10)]
    assert own == ["50"], "what the ERP received is told once, without the moves beside it"


async def test_a_busy_erp_of_its_own_leaves_nothing_out_either(bench, monkeypatch):
    """More changes of the ERP's own between two moves than a page has."""
    monkeypatch.setattr("syncd.page.story.STEPS_MAX", 4)
    await bench.stock(BOLT=100)
    await bench.open_store("us", BOLT=100)
    for number in range(3):
        for _ in range(5):
            bench.app.books[0].adjust("BOLT", "main", units(7), "found")
            await bench.watch()
        await bench.take("us", order(str(number), {"BOLT": 1}))
        await bench.post()
        await bench.watch()
    async with visiting(bench) as visitor:
        await visitor.log_in()
        orders, own, path, pages = [], [], "/sku?sku=BOLT", 0
        while path:
            _, text, _ = await visitor.get(path)
            table = text.partition('class="fold story')[2].partition("</table>")[0]
            orders += re.findall(r"order=(\d+)", table)
            own += re.findall(r'<span class="plus">\+(\d+)', table)
            path = (re.findall(r'href="([^"]+)" rel="next"', text) or [""])[0].replace("&amp;", "&")
            pages += 1
    assert orders == ["2", "1", "0"]
    assert own == ["7"] * 15
    assert pages > 3


async def test_orders_come_in_pages_that_leave_nothing_out(bench, monkeypatch):
    monkeypatch.setattr("syncd.page.effects.ROWS", 4)
    for name in ("us", "web"):
        await bench.open_store(name, BOLT=100)
        for start in (0, 5):
            await bench.take(name, *(order(str(number), {"BOLT": 1}) for number in range(start, start + 5)))
    async with visiting(bench) as visitor:
        await visitor.log_in()
        found, path = [], "/orders"
        while path:
            _, text, _ = await visitor.get(path)
            found += re.findall(r"store=(\w+)&amp;order=(\d+)", text)
            path = (re.findall(r'href="([^"]+)" rel="next"', text) or [""])[0].replace("&amp;", "&")
    assert len(found) == 20
    assert len(set(found)) == 20


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("1102", "/order?tenant=acme&store=us&order=1102"), ("#1102", "/order?tenant=acme&store=us&order=1102"),
        ("us/1102", "/order?tenant=acme&store=us&order=1102"), ("mug-red", "/sku?tenant=acme&sku=MUG-RED"),
        ("VASE", "/sku?tenant=acme&sku=VASE"), ("tray", "/sku?tenant=acme&sku=TRAY-OAK"), ("tee", "/stock?tenant=acme&q=tee"),
        ("", "/stock?tenant=acme"), ("100%", "/stock?tenant=acme&q=100%25"), ("t_e", "/stock?tenant=acme&q=t_e"),
    ],
)  # fmt: skip
async def test_one_field_finds_orders_and_skus(lively, wanted, leads):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        status, _, headers = await visitor.get(link("/find", q=wanted))
        assert (status, headers["Location"]) == (303, leads)


async def test_an_orders_way_and_what_the_erp_has_of_it_if_asked(lively, monkeypatch):
    async with visiting(lively) as visitor:
        await visitor.log_in()
        with monkeypatch.context() as patch:
            patch.setattr(type(lively.work.context.erp), "find", lambda *_: pytest.fail("the ERP was asked"))
            _, text, _ = await visitor.get("/order?store=us&order=1002")
        assert text.count('<li class="done">') == 5
        assert "In the ERP</strong>" in text
        assert "ask=erp" in text
        _, text, _ = await visitor.get("/order?store=us&order=1002&ask=erp")
        assert "−2 of <bdi>MUG-RED</bdi>" in text
        assert "page.js" not in text, "the ERP is not asked every few seconds"


async def test_without_a_token_no_page_makes_a_request_to_the_erp(lively, monkeypatch):
    monkeypatch.setattr(type(lively.work.context.erp), "find", lambda *_: pytest.fail("the ERP was asked"))
    async with visiting(lively, None) as visitor:
        for path in ("/order?store=us&order=1002", "/order?store=us&order=1002&ask=erp"):
            status, text, _ = await visitor.get(path)
            assert status == 200
            assert "In the ERP</th>" not in text
            assert "ask=erp" not in text


async def test_a_sink_is_shown_with_what_waits_and_its_trouble_as_text(lively):
    context = lively.work.context
    crm = SinkStep(context, Subscription("crm", frozenset()), FakeSink(), SinkOptions(), trouble=HOSTILE)
    lively.work.sinks.append(crm)
    async with visiting(lively) as visitor:
        await visitor.log_in()
        _, text, _ = await visitor.get("/")
    sheet = Sheet()
    sheet.feed(text)
    assert "Sink crm: 0 waiting; " in sheet.text
    assert 'alert("x")' in sheet.text
    assert "<script>alert" not in text
