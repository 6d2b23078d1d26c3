"""The hand from outside: what happens in the ERP by itself, its faults, and its truth. Never part of the contract."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncd.simulator.erp.book import Book
from syncd.simulator.erp.faults import Faults
from syncd.simulator.erp.wishes import Wishes

Action = Callable[[dict[str, Any]], Any]


def control_routes(book: Book, faults: Faults, wishes: Wishes) -> list[web.RouteDef]:
    """The routes under /_sim/. A wrong body is 400 with a word about it."""

    def products(body: dict[str, Any]) -> dict[str, int]:
        """`{"products": [{"sku": "A", "stock": 5, "location": ""}]}`: make them known, at these levels."""
        for one in body["products"]:
            book.add_product(one["sku"], quantity(one["stock"]), one.get("location", ""))
        return {"revision": book.revision}

    def receipt(body: dict[str, Any]) -> dict[str, int]:
        """`{"sku": "A", "quantity": 5}`: goods come in."""
        book.record("receipt", known(book, body["sku"]), body.get("location", ""), quantity(body["quantity"]))
        return {"revision": book.revision}

    def sale(body: dict[str, Any]) -> dict[str, int]:
        """`{"sku": "A", "quantity": 5}`: the ERP sells by itself."""
        book.record("sale", known(book, body["sku"]), body.get("location", ""), -quantity(body["quantity"]))
        return {"revision": book.revision}

    def shipment(body: dict[str, Any]) -> dict[str, int]:
        """A shipment of the contract: goods leave the house."""
        shipped: dict[str, Any] = {"carrier": "", "tracking": "", **body}
        for line in shipped["lines"]:
            line["quantity"] = str(line["quantity"])
        if shipped["key"] not in {one["key"] for one in book.shipments}:
            book.shipments.append(shipped)
        return {"shipments": len(book.shipments)}

    def order(body: dict[str, Any]) -> dict[str, int]:
        """An order of the contract, taken by the ERP's people; `{"key": "SO-1", "status": "cancelled"}` of a known one changes it."""
        if body["key"] in wishes.orders:
            wishes.change(body["key"], body["status"])
        else:
            wishes.take(body)
        return {"orders": len(wishes.orders)}

    def restore(body: dict[str, Any]) -> dict[str, str]:
        """`{"forget": 3}`: the newest three entries are gone, and there is a new epoch."""
        book.restore(int(body["forget"]))
        return {"epoch": book.epoch}

    def turn(body: dict[str, Any]) -> dict[str, Any]:
        """Any dials by name; the answer shows all."""
        faults.turn(body)
        return faults.shown()

    return [
        web.post("/_sim/products", _route(products)),
        web.post("/_sim/receipts", _route(receipt)),
        web.post("/_sim/sales", _route(sale)),
        web.post("/_sim/shipments", _route(shipment)),
        web.post("/_sim/orders", _route(order)),
        web.post("/_sim/restore", _route(restore)),
        web.post("/_sim/faults", _route(turn)),
        web.get("/_sim/faults", _route(lambda _: faults.shown())),
        web.get(
            "/_sim/truth", _route(lambda _: {**book.truth(), "wanted": wishes.orders, "outcomes": wishes.outcomes})
        ),
    ]


def quantity(value: Any) -> Decimal:
    """A JSON number, or a decimal string."""
    return Decimal(str(value))


def known(book: Book, sku: str) -> str:
    """The SKU, if there is one. ValueError else."""
    if sku not in book.skus:
        raise ValueError(f"unknown SKU {sku!r}")
    return sku


def _route(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(action(await request.json() if request.can_read_body else {}))
        except (ArithmeticError, KeyError, TypeError, ValueError, json.JSONDecodeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handle
