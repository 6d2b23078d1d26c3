"""The page's addresses: which there are, what they take, and what is answered. Everything else is a clear no.

/  /stock  /sku  /orders  /order  /quarantine  /quarantine/entry  /effects  /find      what there is to see
/quarantine/release                                                                    a decision (POST)
/login  /logout                                                                        with a token
/page.css  /page.js  /icon.svg                                                         nothing secret
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import anyio
from aiohttp import web
from yarl import URL

from syncd.control.commands import Commands
from syncd.control.failure import CommandFailed
from syncd.control.scene import Scene
from syncd.engine.supervisor import Supervisor, TenantWork
from syncd.errors import SyncdError
from syncd.inbox.caller import address_of
from syncd.observability import events
from syncd.page import story
from syncd.page.access import Access, comes_from_here, remaining
from syncd.page.asked import Asked, Complaint, complaint_of
from syncd.page.effects import PLACE, effects, living_orders
from syncd.page.found import find
from syncd.page.held import entry, held
from syncd.page.overview import overview
from syncd.page.sheets import Sheets
from syncd.page.sku import SPANS, sku_page
from syncd.page.stock import stock

PAGES_AT_ONCE_MAX: Final = 4  # and as many logins of strangers; probes and scrapers have their own room
FORM_SECONDS: Final = 5.0  # for its body to arrive
PAGE_SECONDS: Final = 10.0
SEARCH_AGAIN_SECONDS: Final = 30  # a search for differences looks at many SKUs
RELEASE_SECONDS: Final = 60.0  # a whole order is read again from its shop first
FORM: Final = "application/x-www-form-urlencoded"

Answer = Callable[["Site", web.Request], Awaitable[web.Response]]


class Place(NamedTuple):
    """An address: which methods it takes, what answers, how long that may take."""

    methods: tuple[str, ...]
    answer: Answer
    seconds: float = PAGE_SECONDS


class Site:
    """The page over a running daemon."""

    def __init__(self, commands: Callable[[], Commands], supervisor: Supervisor, access: Access) -> None:
        self._commands = commands
        self._supervisor = supervisor
        self._access = access
        self._sheets = Sheets(access)
        self._answering: Counter[bool] = Counter()  # by whether strangers ask

    @property
    def scene(self) -> Scene:
        """What there is now: a reload changes it."""
        return self._commands().scene

    def asset(self, request: web.Request) -> web.Response | None:
        """A stylesheet, the script, the icon; None for any other address."""
        return self._sheets.asset(request.path) if request.method in LOOKING else None

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to any request, a complaint included. Who may ask was looked at before."""
        try:
            return await self._answer(request)
        except Complaint as complaint:
            if self._is_stranger(request):
                return self._sheets.login(status=complaint.status, failed=complaint)
            return self._sheets.complaint(request, self.scene, complaint)

    def _is_stranger(self, request: web.Request) -> bool:
        return self._access.has_token and not self._access.is_known(request)

    async def _answer(self, request: web.Request) -> web.Response:
        place = PLACES.get(request.path)
        if place is None:
            raise Complaint(404, "There is no such page.", "The links above lead to all that there are.")
        if request.method not in place.methods:
            allowed = ", ".join(place.methods)
            raise Complaint(405, f"This address takes {allowed} alone.", headers={"Allow": allowed})
        if request.method == "POST":
            await _arrival(request)
        room = self._is_stranger(request)
        if self._answering[room] >= PAGES_AT_ONCE_MAX:
            raise Complaint(503, "Too many ask at once.", "Try again in a moment.", {"Retry-After": "2"})
        self._answering[room] += 1
        try:
            with anyio.fail_after(place.seconds):
                return await place.answer(self, request)
        except SyncdError as error:
            raise complaint_of(error) from error
        except TimeoutError as error:
            raise Complaint(503, "No answer in time.", "Try again in a moment.", {"Retry-After": "5"}) from error
        finally:
            self._answering[room] -= 1

    def _sheet(self, request: web.Request, name: str, work: TenantWork | None = None, **values: Any) -> web.Response:
        return self._sheets.sheet(request, self.scene, name, None if work is None else work.context.tenant, **values)

    def _tenant(self, asked: Asked) -> TenantWork:
        return self.scene.tenant(asked.text("tenant") or None)

    # -- looking

    async def overview(self, request: web.Request) -> web.Response:
        """What needs somebody, and how all tenants are."""
        asked = Asked(request.query, ("tenant",))
        work = self._tenant(asked) if asked.text("tenant") else None
        chosen = None if work is None else work.context.tenant
        told = await overview(self.scene, self._supervisor, chosen)
        return self._sheet(request, "overview.html", work, **told)

    async def stock(self, request: web.Request) -> web.Response:
        """Stock per SKU, a page at a time."""
        asked = Asked(request.query, ("tenant", "q", "only", "after"))
        work = self._tenant(asked)
        prefix, only = asked.text("q").strip(), asked.choice("only", ("differences",))
        after = asked.text("after")
        told = await stock(self.scene, work, prefix=prefix, after=after, only_differences=bool(only))
        slower = {"refresh_seconds": SEARCH_AGAIN_SECONDS} if only else {}
        return self._sheet(request, "stock.html", work, **slower, q=prefix, only=only, after=after, **told)

    async def sku(self, request: web.Request) -> web.Response:
        """One SKU: its levels over time, and what moved it."""
        asked = Asked(request.query, ("tenant", "sku", "span", "before"))
        work, sku = self._tenant(asked), asked.needed("sku")
        told = await sku_page(
            self._commands(),
            work,
            sku,
            span=asked.choice("span", tuple(SPANS)),
            before=asked.matching("before", story.PLACE),
        )
        return self._sheet(request, "sku.html", work, **told)

    async def orders(self, request: web.Request) -> web.Response:
        """The orders that may still change."""
        asked = Asked(request.query, ("tenant", "store", "before"))
        work = self._tenant(asked)
        told = await living_orders(self.scene, work, asked.text("store"), asked.matching("before", PLACE))
        return self._sheet(request, "orders.html", work, **told)

    async def order(self, request: web.Request) -> web.Response:
        """One order and its way; with `ask`, also what the ERP has of it. That costs its requests, so it needs a token."""
        asked = Asked(request.query, ("tenant", "store", "order", "ask"))
        work, ask = self._tenant(asked), bool(asked.choice("ask", ("erp",))) and self._access.has_token
        store, order = asked.needed("store"), asked.needed("order")
        told = await self.call("explain.order", order=order, store=store, tenant=work.context.tenant, ask=ask)
        return self._sheet(request, "order.html", work, order=told, asked_erp=ask, is_still=ask)

    async def held(self, request: web.Request) -> web.Response:
        """What is in quarantine."""
        asked = Asked(request.query, ("tenant", "after"))
        work = self._tenant(asked)
        return self._sheet(request, "quarantine.html", work, **await held(self.call, work, asked.number("after")))

    async def entry(self, request: web.Request) -> web.Response:
        """One entry; with `raw`, also what the store sent."""
        asked = Asked(request.query, ("tenant", "id", "raw"))
        work, raw = self._tenant(asked), asked.choice("raw", ("shown",))
        told = await entry(self.call, work, asked.number("id"), raw=bool(raw) and self._access.has_token)
        return self._sheet(request, "entry.html", work, has_form=True, **told)

    async def effects(self, request: web.Request) -> web.Response:
        """Effects whose end isn't known, and those under way."""
        work = self._tenant(Asked(request.query, ("tenant",)))
        return self._sheet(request, "effects.html", work, **await effects(self.scene, work))

    async def find(self, request: web.Request) -> web.Response:
        """Go where the one field for everything leads."""
        asked = Asked(request.query, ("tenant", "q"))
        work = self._tenant(asked)
        return self._sheets.redirect(await find(self.scene, work, asked.text("q").strip()))

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """A command, as the command line has it run."""

        async def nobody(_progress: Mapping[str, Any]) -> None:
            """The page has no progress to tell."""

        return await self._commands().call(name, arguments, nobody)

    # -- deciding

    async def release(self, request: web.Request) -> web.Response:
        """A decision about an entry in quarantine, by the very command that `syncd quarantine release` is."""
        form = await self._form(request, ("code", "tenant", "id", "decision"))
        work, number = self._tenant(form), form.number("id")
        decision = form.choice("decision", ("count", "already_counted"))
        if not decision:
            raise Complaint(400, "The decision is missing.", "Choose one of the two.")
        arguments = {"id": number, "decision": decision, "tenant": work.context.tenant}
        self.scene.log.emit(events.CONTROL_COMMAND, command="quarantine.release", arguments=arguments)
        try:
            await self.call("quarantine.release", **arguments)
        except CommandFailed as error:
            failed = complaint_of(error)
            told = await entry(self.call, work, number, raw=False)
            return self._sheet(
                request, "entry.html", work, has_form=True, is_still=True, status=failed.status, failed=failed, **told
            )
        return self._sheets.redirect_to("/quarantine/entry", tenant=work.context.tenant, id=number)

    async def _form(self, request: web.Request, known: tuple[str, ...]) -> Asked:
        """The fields of a form that this page has sent."""
        if not self._access.has_token:
            raise Complaint(
                403, "Nothing can be decided here, because any user of this machine may ask.",
                "Set private.token (see the manual), or use the command line.",
            )  # fmt: skip
        given = await fields(request, known)
        if not self._access.is_own_form(request, given.text("code")):
            raise Complaint(403, "This form was not sent from this page, or its session has ended.", "Open it again.")
        return given

    async def login(self, request: web.Request) -> web.Response:
        """The token, once; then a session."""
        if not self._access.has_token:
            raise Complaint(404, "There is nothing to log in to.", "No token is set: this machine alone may ask.")
        if request.method != "POST":
            return self._sheets.login(status=200)
        address = address_of(request)
        wait = self._access.wait_seconds(address)
        if wait:
            return self._sheets.login(status=429, wait=remaining(wait))
        if not comes_from_here(request):  # else any site could use up the tries of whoever looks at it
            raise Complaint(403, "This form was not sent from this page.", "Open it again.")
        try:
            given = await fields(request, ("token", "to"))
            token = given.text("token")
        except Complaint:
            self._access.was_wrong(address)
            raise
        if not self._access.is_right(token):
            self._access.was_wrong(address)
            return self._sheets.login(status=401, is_wrong=True)
        answer = self._sheets.redirect(_inside(given.text("to")))
        self._access.open_session(request, answer)
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        """End the session of this browser."""
        if request.method != "POST":
            Asked(request.query, ())
            return self._sheet(request, "logout.html", has_form=True, is_still=True)
        await self._form(request, ("code",))
        answer = self._sheets.redirect("/login")
        self._access.end_session(answer)
        return answer

    def ask_for_token(self, request: web.Request) -> web.Response:
        """The form for a browser that has no session."""
        return self._sheets.login(status=401, to=_inside(request.path_qs))


def _inside(address: str) -> str:
    """An address of this page; the first page for any other."""
    try:
        url = URL(address)
    except ValueError:
        return "/"
    place = None if url.absolute or url.path == "/login" else PLACES.get(url.path)
    return str(url) if place is not None and "GET" in place.methods else "/"


async def _arrival(request: web.Request) -> None:
    """Wait for a form's body: no other type, no more than the listener takes at all. Nothing is held meanwhile, so that
    whoever sends it slowly takes nobody's place; it is as small as what a connection takes anyway."""
    if request.content_type != FORM:
        raise Complaint(415, f"A form is sent as {FORM}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":  # a few bytes may be many
        raise Complaint(415, "A form is sent as it is, not packed.")
    try:
        with anyio.fail_after(FORM_SECONDS):
            await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Complaint(413, "This form is longer than any of this page.") from error
    except TimeoutError as error:
        raise Complaint(408, "This form took too long to arrive.", "Send it again.") from error


async def fields(request: web.Request, known: tuple[str, ...]) -> Asked:
    """The fields of a form that has arrived, in the one encoding that browsers use for this page; there are no files in it."""
    if (request.charset or "utf-8").lower() != "utf-8":  # Python knows codecs that make of bytes what is no text
        raise Complaint(400, "This form is in no known encoding.")
    try:
        given = await request.post()
    except UnicodeError as error:
        raise Complaint(400, "This form is in no known encoding.") from error
    return Asked(given, known)  # type: ignore[arg-type]  # of this type there are no files in it


LOOKING: Final = ("GET", "HEAD")
PLACES: Final[Mapping[str, Place]] = {
    "/": Place(LOOKING, Site.overview),
    "/stock": Place(LOOKING, Site.stock),
    "/sku": Place(LOOKING, Site.sku),
    "/orders": Place(LOOKING, Site.orders),
    "/order": Place(LOOKING, Site.order),
    "/quarantine": Place(LOOKING, Site.held),
    "/quarantine/entry": Place(LOOKING, Site.entry),
    "/quarantine/release": Place(("POST",), Site.release, RELEASE_SECONDS),
    "/effects": Place(LOOKING, Site.effects),
    "/find": Place(LOOKING, Site.find),
    "/login": Place((*LOOKING, "POST"), Site.login),
    "/logout": Place((*LOOKING, "POST"), Site.logout),
}
