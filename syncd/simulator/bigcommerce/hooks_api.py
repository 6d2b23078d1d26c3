"""Webhooks: /v3/hooks and /v3/hooks/admin, by the vendor's document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from syncd.simulator.bigcommerce.answers import ERROR_TYPE, answer, body_of, nothing, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.hooks import Hook
from syncd.simulator.bigcommerce.shop import Shop

CLIENT_ID: Final = "m9r6keqmo7h7f23btnpwernbez1kglkl"
PER_SCOPE_MAX: Final = 10
"""Hooks of one store, client and scope."""
SCOPE: Final = re.compile(r"store(/(\*|[A-Za-z0-9_]+))+")


class Invalid(Exception):
    """A field that the vendor refuses, and why: 422."""

    def __init__(self, **errors: str) -> None:
        super().__init__(str(errors))
        self.errors = errors


class HooksApi:
    """Managing webhooks. All that is here belongs to one client."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v3/hooks", self.all),
            web.post("/v3/hooks", self.create),
            web.get("/v3/hooks/admin", self.admin),
            web.put("/v3/hooks/admin", self.set_emails),
            web.get(r"/v3/hooks/{hook:\d+}", self.one),
            web.put(r"/v3/hooks/{hook:\d+}", self.update),
            web.delete(r"/v3/hooks/{hook:\d+}", self.delete),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """The hooks, by `is_active`, `scope` and `destination`."""
        page, limit = page_of(request.query)
        return v3_page([show_hook(hook) for hook in self._selected(request.query)], page, limit)

    def _selected(self, query: Mapping[str, str]) -> list[Hook]:
        self._shop.hooks.settle()
        return [
            hook
            for hook in self._shop.hooks.known.values()
            if query.get("is_active", "") in {"", str(hook.is_active).lower()}
            and query.get("scope", hook.scope) == hook.scope
            and query.get("destination", hook.destination) == hook.destination
        ]

    async def create(self, request: web.Request) -> web.Response:
        """A new hook."""
        body = await body_of(request)
        if body is None:
            return _fault(400, "Input is invalid.")
        try:
            for name in ("scope", "destination"):
                if name not in body:
                    raise Invalid(**{name: "error.path.missing"})
            self._check(body)
            scope, destination = body["scope"], body["destination"]
            self._check_room(scope, destination)
        except Invalid as bad:
            return _refused(bad)
        active = body.get("is_active", True)
        hook = self._shop.hooks.add(request.match_info["store"], scope, destination, body.get("headers"), active=active)
        return answer({"data": show_hook(hook), "meta": {}})

    def _check(self, body: Mapping[str, Any]) -> None:
        scope, destination, headers = body.get("scope"), body.get("destination"), body.get("headers")
        if "scope" in body and not (isinstance(scope, str) and SCOPE.fullmatch(scope)):
            raise Invalid(scope="error.invalid.scope")
        if "destination" in body and not (isinstance(destination, str) and self._may_be_called(destination)):
            raise Invalid(destination="error.invalid.destination")
        if not isinstance(body.get("is_active", True), bool):
            raise Invalid(is_active="error.expected.jsboolean")
        plain = isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
        if headers is not None and not plain:
            raise Invalid(headers="error.expected.jsstring")

    def _may_be_called(self, destination: str) -> bool:
        try:
            parts = urlsplit(destination)
            port = parts.port
        except ValueError:
            return False
        if not self._shop.settings.switches.https_destinations:
            return parts.scheme in {"http", "https"} and bool(parts.hostname)
        return parts.scheme == "https" and bool(parts.hostname) and port in {None, 443}

    def _check_room(self, scope: str, destination: str, own: int = 0) -> None:
        others = [hook for hook in self._shop.hooks.known.values() if hook.scope == scope and hook.id != own]
        if any(hook.destination == destination for hook in others):
            raise Invalid(destination="error.hook.duplicate")
        if len(others) >= PER_SCOPE_MAX:
            raise Invalid(scope="error.hook.limit")

    async def one(self, request: web.Request) -> web.Response:
        """One hook."""
        self._shop.hooks.settle()
        hook = self._shop.hooks.known.get(int(request.match_info["hook"]))
        return _missing(request) if hook is None else answer({"data": show_hook(hook), "meta": {}})

    async def update(self, request: web.Request) -> web.Response:
        """Change what is given; `is_active: true` switches a hook on again."""
        hook = self._shop.hooks.known.get(int(request.match_info["hook"]))
        body = await body_of(request)
        if hook is None:
            return _missing(request)
        if not body:
            return _fault(400, "Input is invalid.")
        try:
            self._check(body)
            scope, destination = body.get("scope", hook.scope), body.get("destination", hook.destination)
            self._check_room(scope, destination, hook.id)
        except Invalid as bad:
            return _refused(bad)
        hook.scope, hook.destination = scope, destination
        if "headers" in body:
            hook.headers = body["headers"]
        self._shop.hooks.set_active(hook, active=body.get("is_active", hook.is_active))
        return answer({"data": show_hook(hook), "meta": {}})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a hook: it is shown once more."""
        hook = self._shop.hooks.known.pop(int(request.match_info["hook"]), None)
        return _missing(request) if hook is None else answer({"data": show_hook(hook), "meta": {}})

    async def admin(self, request: web.Request) -> web.Response:
        """All hooks of the client, and the domains that aren't called for now."""
        hooks = self._shop.hooks
        rows = [{**show_hook(hook), "status": _status(hook)} for hook in self._selected(request.query)]
        blocked = [
            {"destination": f"https://{domain}", "time_left": left, "reasons": []}
            for domain, left in hooks.domains.blocked(self._shop.clock.now()).items()
        ]
        data = {"emails": hooks.emails, "hooks_list": rows, "blocked_domains": blocked}
        return answer({"data": data, "meta": {}})

    async def set_emails(self, request: web.Request) -> web.Response:
        """Who is told when a domain is blocked or a hook switched off."""
        emails = (await body_of(request) or {}).get("emails")
        if not isinstance(emails, list):
            return _refused(Invalid(emails="error.path.missing"))
        self._shop.hooks.emails = [str(email) for email in emails]
        return nothing()


def _status(hook: Hook) -> str:
    if hook.is_active:
        return "active"
    return "deactivated" if hook.gave_up else "inactive"


def show_hook(hook: Hook) -> dict[str, Any]:
    """A hook as the vendor shows it, its headers included."""
    return {
        "id": hook.id,
        "client_id": CLIENT_ID,
        "store_hash": hook.store,
        "scope": hook.scope,
        "destination": hook.destination,
        "headers": hook.headers,
        "is_active": hook.is_active,
        "created_at": hook.created_seconds,
        "updated_at": hook.updated_seconds,
    }


def _refused(bad: Invalid) -> web.Response:
    return v3_error(422, "JSON data is missing or invalid", bad.errors)


def _missing(request: web.Request) -> web.Response:
    return _fault(404, f"Webhook with id [{request.match_info['hook']}] not found")


def _fault(status: int, title: str) -> web.Response:
    return answer({"status": status, "title": title, "type": ERROR_TYPE}, status)
