"""The page in a real Chromium: as people see it, use it by keyboard, on a phone, in the dark, without scripts.

Pictures of every page are left in `artifacts/page`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.core.quantity import units
from syncd.ledger import items
from syncd.page.words import link
from tests.control.bench import order
from tests.page.browser import ENTER, PHONE, TAB, WIDE, Browser, open_browser, programs
from tests.page.life import TOKEN, doubt, serving

PAGES = {
    "overview": "/", "stock": "/stock", "differences": "/stock?only=differences", "sku": "/sku?sku=MUG-RED",
    "orders": "/orders", "order": "/order?store=us&order=1102", "quarantine": "/quarantine", "effects": "/effects",
    "not-there": "/sku?sku=NOPE", "nothing-found": "/stock?q=zzz",
}  # fmt: skip
EXPECTED = ("404 (Not Found)", "401 (Unauthorized)", "Password forms should have")  # nothing that the page could mend

# Each control has a name, each landmark is there once, headings leave no level out, ids are there once.
FAULTS = """
  const found = [];
  const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels.length) || e.title;
  for (const e of document.querySelectorAll("a, button, summary, input:not([type=hidden]), select, [role=region], [role=img]"))
    if (!named(e) && !e.getAttribute("aria-labelledby")) found.push("no name: " + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll("img:not([alt])")) found.push("no alt: " + e.outerHTML);
  for (const one of ["main", "h1", "header", "footer"])
    if (document.querySelectorAll(one).length !== 1) found.push("not once: " + one);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("twice: #" + id);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const id of (e.getAttribute("aria-labelledby") || e.getAttribute("aria-describedby")).split(" "))
      if (!document.getElementById(id)) found.push("leads nowhere: " + id);
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    const mine = Number(e.tagName[1]);
    if (mine > level + 1) found.push("a level is left out: " + e.outerHTML.slice(0, 80));
    level = mine;
  }
  for (const e of document.querySelectorAll("th:not([scope])")) found.push("no scope: " + e.outerHTML);
  const navs = [...document.querySelectorAll("nav")].map((e) => e.getAttribute("aria-label"));
  if (new Set(navs).size !== navs.length || navs.includes(null)) found.push("navs: " + navs);
  if (!document.documentElement.lang || !document.title) found.push("no lang or title");
  if (document.documentElement.scrollWidth > arguments[0]) found.push("it is wider than the window");
  return found;
"""

pytestmark = pytest.mark.xdist_group("browser")  # one after the other: each starts a browser


@pytest.fixture(autouse=True)
def _where_a_browser_is() -> None:
    programs()


async def log_in(browser: Browser, url: str) -> None:
    await browser.look()
    await browser.go(f"{url}/login")
    await browser.type("#token", TOKEN)
    await browser.click("button")
    await browser.until("location.pathname === '/'")


@asynccontextmanager
async def opened(bench: Any, folder: Path, *, scripts: bool = True) -> AsyncIterator[tuple[Browser, str]]:
    async with serving(bench) as url, open_browser(folder, scripts=scripts) as browser:
        await log_in(browser, url)
        await browser.complaints()
        yield browser, url


async def entry_of(bench: Any, number: str) -> str:
    entries = (await bench.call("quarantine.list"))["entries"]
    found = next(entry["id"] for entry in entries if entry["order"] == number)
    return f"/quarantine/entry?id={found}"


async def test_every_page_wide_and_on_a_phone_light_and_dark(lively, tmp_path):
    """No fault that can be looked for, no complaint of the browser, nothing wider than the window; and a picture to look at."""
    await doubt(lively)
    pages = PAGES | {"entry": f"{await entry_of(lively, '1103')}&raw=shown", "logout": "/logout"}
    async with opened(lively, tmp_path) as (browser, url):
        for width in (WIDE, PHONE):
            for dark in (False, True):
                await browser.look(width=width, dark=dark)
                for name, path in pages.items():
                    await browser.go(url + path)
                    assert await browser.run(FAULTS, width) == [], (name, width)
                    await browser.picture(f"{name}-{width}-{'dark' if dark else 'light'}")
        await browser.devtools("Network.clearBrowserCookies")
        await browser.go(url)
        await browser.picture(f"login-{PHONE}-dark")
        left = [each for each in await browser.complaints() if not any(known in each for known in EXPECTED)]
        assert left == []


async def test_an_empty_page_says_something_useful(bench, tmp_path):
    async with opened(bench, tmp_path) as (browser, url):
        for name, path, says in (
            ("overview", "/", "Not reached yet"), ("stock", "/stock", "syncd erp import"), ("orders", "/orders", "none was read yet"),
            ("quarantine", "/quarantine", "Nothing is in quarantine"), ("effects", "/effects", "No effect is in doubt"),
        ):  # fmt: skip
            await browser.go(url + path)
            await browser.reads(says)
            assert await browser.run(FAULTS, WIDE) == []
            await browser.picture(f"empty-{name}")


async def test_all_of_it_works_without_scripts(lively, tmp_path):
    path = await entry_of(lively, "1102")
    async with opened(lively, tmp_path, scripts=False) as (browser, url):
        await browser.go(url)
        assert "Pause updates" not in await browser.text()
        await browser.click(".tabs a[href^='/stock']")
        await browser.until("location.href.endsWith('/stock?tenant=acme')")
        await browser.type("#q", "mug-r" + ENTER)
        await browser.until("location.search.includes('mug-r') && document.readyState === 'complete'")
        await browser.click(".stock tbody a")
        await browser.reads("Where did my stock go?")
        await browser.click("#picture-table summary")
        await browser.reads("Level from then on", "#picture-table")
        await browser.type("#q-all", "1102" + ENTER)
        await browser.reads("us/1102", "h1")
        await browser.go(url + path)
        await browser.click("input[value='already_counted']")
        await browser.click(".decide button")
        await browser.reads("Taken as counted already", "main")
        await browser.click("#again")
        await browser.until("document.readyState === 'complete'")
        await browser.reads("Taken as counted already", "main")


async def test_a_held_line_is_released_by_clicking(lively, tmp_path):
    path = await entry_of(lively, "1102")
    async with opened(lively, tmp_path) as (browser, url):
        await browser.go(f"{url}/")
        await browser.click(".tabs a[href^='/quarantine']")
        await browser.click(".entries h2 a")
        await browser.until(f"location.href.endsWith('{path.replace('?', '?tenant=acme&')}')")
        await browser.click("input[value='count']")
        await browser.click(".decide button")
        await browser.reads("still has no SKU GHOST", "[role=alert]")
        lively.app.books[0].add("GHOST", location="main")
        await browser.click("input[value='count']")
        await browser.click(".decide button")
        await browser.reads("Counted", ".told")
        await lively.post()
        await browser.go(f"{url}/sku?sku=GHOST")
        await browser.reads("us/1102", ".story")
        assert [each for each in await browser.complaints() if "409 (Conflict)" not in each] == []


async def test_it_can_be_used_by_keyboard_and_one_sees_where_one_is(lively, tmp_path):
    async with opened(lively, tmp_path) as (browser, url):
        await browser.go(f"{url}/stock")
        await browser.press(TAB)
        await browser.reads("Skip to the content", ":focus")
        await browser.until("document.activeElement.getBoundingClientRect().top >= 0")
        order: list[str] = []
        for _ in range(14):
            await browser.press(TAB)
            seen = await browser.run(
                "const e = document.activeElement, s = getComputedStyle(e);"
                "return [e.textContent.trim() || e.name || e.id, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]"
            )
            assert seen[1], f"no outline around {seen[0]}"
            order.append(seen[0])
        assert order[:9] == ["syncd", "q", "Find", "Log out", "Overview", "Stock", "Orders", "Quarantine", "Effects"]
        assert order[9:12] == ["q", "only", "Show"]
        await browser.go(f"{url}/stock")
        await browser.press(TAB, ENTER, TAB)
        assert await browser.run("return document.activeElement.id") == "q", "the skip link leads into the content"


async def test_what_is_shown_is_renewed_and_nothing_is_taken_from_under_ones_hands(lively, tmp_path, monkeypatch):
    monkeypatch.setattr("syncd.page.sheets.REFRESH_SECONDS", 0.2)
    row = "[...document.querySelectorAll('.stock tbody tr')].find(row => row.textContent.includes('VASE')).innerText"
    async with opened(lively, tmp_path) as (browser, url):
        await browser.go(f"{url}/stock")
        await browser.run("document.querySelector('.stock a[href*=VASE]').focus(); window.kept = 1;")
        lively.app.books[0].adjust("VASE", "main", units(40), "found")
        await lively.watch()
        await browser.until(f"{row}.includes('42')")
        assert await browser.run(
            "return document.activeElement.getAttribute('href').includes('VASE') && window.kept === 1"
        )
        assert await browser.text("#live") == "", "no voice speaks of it"

        await browser.type("#q", "V")
        lively.app.books[0].adjust("VASE", "main", units(10), "found")
        await lively.watch()
        before = await browser.run("return document.getElementById('as-of').dateTime")
        await browser.run("window.turns = 0; setInterval(() => { window.turns += 1; }, 200);")
        await browser.until("window.turns > 5")
        assert await browser.run("return document.activeElement.value") == "V"
        assert before == await browser.run("return document.getElementById('as-of').dateTime")
        await browser.run("document.activeElement.blur()")
        await browser.until(f"{row}.includes('52')")

        await browser.click("footer button")
        await browser.reads("Resume updates", "footer button")
        assert await browser.complaints() == []


async def test_it_says_when_nothing_answers_and_when_it_does_again(lively, tmp_path, monkeypatch):
    monkeypatch.setattr("syncd.page.sheets.REFRESH_SECONDS", 0.2)
    monkeypatch.setattr("syncd.page.site.PAGES_AT_ONCE_MAX", 4)
    async with opened(lively, tmp_path) as (browser, url):
        await browser.go(url)
        monkeypatch.setattr("syncd.page.site.PAGES_AT_ONCE_MAX", 0)
        await browser.until("document.getElementById('live').textContent.includes('answer')")
        await browser.reads("acme", "main")
        monkeypatch.setattr("syncd.page.site.PAGES_AT_ONCE_MAX", 4)
        await browser.until("document.getElementById('live').textContent.includes('again')")


async def test_hostile_values_do_nothing_in_a_browser(bench, tmp_path):
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>'\"\u202e"
    await bench.stock(BOLT=10)
    await bench.open_store("us", **{evil: 9, "BOLT": 10})
    await bench.take("us", order(evil, {evil: 2, "BOLT": 1}))
    await bench.ledger.run(
        lambda c: items.write_items(c, "acme", "us", {"i-BOLT": ("BOLT", evil, (("BOLT", units(1)),))})
    )
    entries = (await bench.call("quarantine.list"))["entries"]
    paths = [
        "/", "/stock", "/orders", "/quarantine", "/effects", "/sku?sku=BOLT", link("/sku", sku=evil), link("/stock", q=evil),
        link("/order", store="us", order=evil), *(link("/quarantine/entry", id=each["id"]) for each in entries),
    ]  # fmt: skip
    async with opened(bench, tmp_path) as (browser, url):
        for path in paths:
            await browser.go(url + path)
            assert "taken" not in await browser.run("return document.title.slice(0, 5)")
            assert await browser.run("return document.querySelectorAll('main img, main script').length") == 0
        assert [each for each in await browser.complaints() if "404" not in each] == []
        await browser.picture("hostile")


async def test_the_policy_would_stop_what_came_through(lively, tmp_path):
    """The second lock, seen to hold: an inline script and a strange image are refused, and the browser says so."""
    async with opened(lively, tmp_path) as (browser, url):
        await browser.go(url)
        await browser.run(
            "const s = document.createElement('script'); s.textContent = 'window.taken = 1'; document.body.append(s);"
            "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);"
        )
        assert await browser.run("return window.taken === undefined")
        told = " ".join(await browser.complaints())
        assert "script-src" in told
        assert "img-src" in told
