"""What WordPress's REST server does for every route: parameters and their errors, _fields, totals, links."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from syncd.simulator.woocommerce.records import ShopRefusal

PER_PAGE_MAX = 100  # WordPress's own limit
INDEXED = re.compile(r"^([^\[]+)\[\d*\]$")
Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What goes back: a status, a body (ready bytes, or something to encode) and headers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


@dataclass(slots=True)
class Call:
    """A request as a route sees it. `params` has query and body together, as WP_REST_Request gives them."""

    method: str
    route: str
    base: str
    params: Json
    query: list[tuple[str, str]] = field(default_factory=list)

    def fields(self) -> list[str]:
        """The wanted fields; empty is all."""
        return self.words("_fields")

    def words(self, name: str) -> list[str]:
        """A list parameter: `a,b`, `name[]=a&name[]=b` or a JSON list."""
        value = self.params.get(name)
        if value is None or value == "":
            return []
        parts = value if isinstance(value, list) else str(value).split(",")
        return [str(part).strip() for part in parts]

    def ids(self, name: str) -> list[int]:
        """A list of ids. Raises ShopRefusal where one is no number."""
        found = []
        for place, word in enumerate(self.words(name)):
            if not word.lstrip("-").isdigit():
                raise invalid(name, f"{name}[{place}] is not of type integer.", "rest_invalid_type", param=name)
            found.append(int(word))
        return found

    def integer(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """A number within bounds. Raises ShopRefusal as WordPress words it."""
        value = self.params.get(name)
        if value is None or value == "":
            return default
        wanted = whole(value)
        if wanted is None:
            raise invalid(name, f"{name} is not of type integer.", "rest_invalid_type", param=name)
        if high is not None and not low <= wanted <= high:
            text = f"{name} must be between {low} (inclusive) and {high} (inclusive)"
            raise invalid(name, text, "rest_out_of_bounds")
        if wanted < low:
            raise invalid(name, f"{name} must be greater than or equal to {low}", "rest_out_of_bounds")
        return wanted

    def choice(self, name: str, default: str, allowed: list[str]) -> str:
        """One of some words. Raises ShopRefusal."""
        value = self.params.get(name)
        if value is None or value == "":
            return default
        if value not in allowed:
            raise invalid(name, f"{name} is not one of {listed(allowed)}.", "rest_not_in_enum")
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean, in WordPress's spellings."""
        value = self.params.get(name)
        return default if value is None else str(value).lower() in {"1", "true"}


def whole(value: Any) -> int | None:
    """An integer as WordPress takes one (41, 41.0, "41"); else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number == number // 1 else None


def listed(words: list[str]) -> str:
    """Words as WordPress enumerates them in a message."""
    return ", ".join(words[:-1]) + f", and {words[-1]}" if len(words) > 2 else " and ".join(words)


def invalid(name: str, text: str, code: str, **data: Any) -> ShopRefusal:
    """The error for one bad parameter."""
    return ShopRefusal(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: text},
        details={name: {"code": code, "message": text, "data": data or None}},
    )


def merge_params(query: list[tuple[str, str]], body: Json | None) -> Json:
    """Query and JSON body as one mapping (the body wins); `name[]` and `name[0]` become lists."""
    params: Json = {}
    for name, value in query:
        match = INDEXED.match(name)
        if match:
            params.setdefault(match[1], [])
            if isinstance(params[match[1]], list):
                params[match[1]].append(value)
        else:
            params[name] = value
    return {**params, **(body or {})}


def pick(doc: Json, fields: list[str]) -> Json:
    """Only some fields, `a.b` goes inside an object (WordPress: rest_filter_response_fields)."""
    if not fields:
        return doc
    kept: Json = {}
    for name in doc:
        inside = [wanted.partition(".")[2] for wanted in fields if wanted.partition(".")[0] == name]
        if not inside:
            continue
        if "" in inside:
            kept[name] = doc[name]
        else:
            kept[name] = pick(doc[name], inside) if isinstance(doc[name], dict) else []
    return kept


def one(call: Call, doc: Json, status: int = 200) -> Answer:
    """A single object: its links stand even where _fields leaves them out (seen on WooCommerce 10.0.2)."""
    fields = call.fields()
    kept = pick(doc, fields)
    if fields and "_links" in doc:
        kept["_links"] = doc["_links"]
    return Answer(status, kept)


def page_of(call: Call) -> tuple[int, int, int]:
    """Page, rows a page, and the first row. Raises ShopRefusal."""
    per_page = call.integer("per_page", 10, 1, PER_PAGE_MAX)
    page = call.integer("page", 1, 1)
    offset = call.params.get("offset")
    first = call.integer("offset", 0, 0) if offset not in (None, "") else (page - 1) * per_page
    return page, per_page, first


def listing(call: Call, rows: list[bytes], total: int) -> Answer:
    """A page of ready rows. Beyond the end the totals are 0 (measured on WooCommerce 10.0.2)."""
    page, per_page, _ = page_of(call)
    if not rows:
        total = 0
    pages = -(-total // per_page)
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    others = [(name, value) for name, value in call.query if name not in {"page", "_method"}]
    start = f"{call.base}/wp-json{call.route}?" + "".join(
        f"{quote(name, safe='')}={quote(value, safe='')}&" for name, value in others
    )
    if page > 1:
        headers["Link"] = f'<{start}page={min(page - 1, pages)}>; rel="prev"'
    if page < pages:
        headers["Link"] = f'<{start}page={page + 1}>; rel="next"'
    return Answer(200, b"[" + b",".join(rows) + b"]", headers)


def batch_of(call: Call) -> list[tuple[str, Any]]:
    """The items of a batch, each with its verb, in WordPress's order. Raises ShopRefusal above 100."""
    items: list[tuple[str, Any]] = []
    for verb in ("create", "update", "delete"):
        rows = call.params.get(verb)
        if isinstance(rows, list):
            items += [(verb, row) for row in rows]
    if len(items) > PER_PAGE_MAX:
        text = f"Unable to accept more than {PER_PAGE_MAX} items for this request."
        raise ShopRefusal(413, "woocommerce_rest_request_entity_too_large", text)
    return items


def item_error(item_id: int, refusal: ShopRefusal) -> Json:
    """One item's failure inside a batch that is a 200 as a whole."""
    return {"id": item_id, "error": refusal.body()}


def without_filters(call: Call) -> Call:
    """The call of a shop that ignores filters it doesn't know, or drops them by a fault."""
    ignored = {"modified_after", "modified_before", "after", "before", "exclude"}
    params = {name: value for name, value in call.params.items() if name not in ignored}
    return Call(call.method, call.route, call.base, params, call.query)
