"""From values to HTML: the templates, which escape everything, and the headers that keep a browser strict."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from syncd import __version__
from syncd.control.plain import iso
from syncd.control.scene import Scene
from syncd.core.quantity import show
from syncd.page import words
from syncd.page.access import ASSETS, Access
from syncd.page.asked import Complaint

HERE: Final = Path(__file__).parent
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
STRICT: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Without a referrer a browser sends a form with `Origin: null`, and nobody could tell whose it is.
WITH_FORM: Final = {"Referrer-Policy": "same-origin"}
TENANTS_NAMED_MAX: Final = 10  # at the top of each page; more are chosen on the first one
NEVER_KEPT: Final = {"Cache-Control": "no-store"}
REFRESH_SECONDS: Final = 5


class Sheets:
    """Makes the answers of one daemon's page."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._assets = {path: (HERE / "static" / path[1:]).read_bytes() for path in ASSETS}
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {
            "seen": words.seen, "quantity": words.quantity, "change": words.change, "number": words.number,
            "lasting": words.lasting, "span": words.span, "iso": iso, "shown": show, "seen_lines": words.seen_lines,
        }  # fmt: skip
        marks = {path: hashlib.sha256(content).hexdigest()[:12] for path, content in self._assets.items()}
        self._templates.globals |= {
            "link": words.link, "asset": lambda path: words.link(path, v=marks[path]), "version": __version__,
            "clock_text": words.clock_text, "ago": words.ago,
        }  # fmt: skip

    def asset(self, path: str) -> web.Response | None:
        """A file that everybody may have; its address changes with its content."""
        content = self._assets.get(path)
        if content is None:
            return None
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=content, content_type=ASSETS[path], charset="utf-8", headers={**STRICT, **kept})

    def sheet(
        self, request: web.Request, scene: Scene, name: str, tenant: str | None, *, status: int = 200,
        has_form: bool = False, headers: Mapping[str, str] | None = None, **values: Any,
    ) -> web.Response:  # fmt: skip
        """A page with all that is around it."""
        tenants = sorted(scene.works)
        few = tenants if len(tenants) <= TENANTS_NAMED_MAX else []
        around = {
            "now": scene.clock.now(),
            "path": request.path,
            "tenants": few,
            "tenant": tenant or (tenants[0] if len(tenants) == 1 else None),
            "has_token": self._access.has_token,
            "form_code": self._access.form_code(request),
            "is_still": False,
            "refresh_seconds": REFRESH_SECONDS,
        }
        return self._html(name, status, has_form=has_form, headers=headers or {}, **(around | values))

    def complaint(self, request: web.Request, scene: Scene, complaint: Complaint) -> web.Response:
        """What is wrong, as a page."""
        return self.sheet(
            request, scene, "complaint.html", None, status=complaint.status, headers=complaint.headers, failed=complaint,
            is_still=True,
        )  # fmt: skip

    def login(
        self,
        *,
        status: int,
        to: str = "/",
        is_wrong: bool = False,
        wait: str | None = None,
        failed: Complaint | None = None,
    ) -> web.Response:
        """The form that asks for the token, and leads to `to`, an address of this page. It tells nothing about what runs here."""
        headers = {} if failed is None else dict(failed.headers)
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if wait is not None:
            headers["Retry-After"] = wait
        return self._html(
            "login.html", status, has_form=True, headers=headers, is_wrong=is_wrong, wait=wait, failed=failed, to=to
        )

    def redirect(self, where: str) -> web.Response:
        """See there: after a form, so that going back sends nothing twice."""
        return web.Response(status=303, headers={**STRICT, **NEVER_KEPT, "Location": where})

    def redirect_to(self, path: str, **parameters: Any) -> web.Response:
        """The same, to a place with parameters."""
        return self.redirect(words.link(path, **parameters))

    def _html(
        self, name: str, status: int, *, has_form: bool, headers: Mapping[str, str], **values: Any
    ) -> web.Response:
        text = self._templates.get_template(name).render(**values)
        strict = {**STRICT, **NEVER_KEPT, **(WITH_FORM if has_form else {}), **headers}
        return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=strict)
