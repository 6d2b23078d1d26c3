"""The driving API, `/_sim/...`: what shoppers and the merchant do, the dials, and the truth.

| request | does |
|---|---|
| POST /_sim/products | `{"products": [{"sku", "name", "stock", "price", "track", "variants": [{"sku", "stock"}], "safety_stock", "type", "minimum", "maximum", "modifiers"}]}` |
| POST /_sim/locations | `{"id", "code", "label", "enabled"}` |
| POST /_sim/channels | `{"id", "name"}` |
| POST /_sim/orders | `{"lines": [{"sku", "quantity", "address"}], "paid", "channel", "custom_lines", "status_id", "source", "cart_id"}`; 409 when out of stock |
| POST /_sim/orders with `"rich"` | true, or a list of the parts of `rich_orders`: an order with everything that one can have, made of the lines |
| POST /_sim/orders/{id}/pay, complete, cancel, decline, archive, restore, delete | a step of the order's life |
| POST /_sim/orders/{id}/status | `{"status_id"}`: the merchant writes a status |
| POST /_sim/orders/{id}/ship | `{"lines": [{"line", "quantity"}]}`; without lines, all that is left |
| POST /_sim/orders/{id}/edit | `{"lines": [{"line", "quantity"}], "add": [{"sku", "quantity"}]}` |
| POST /_sim/orders/{id}/refund | `{"lines": [{"line", "quantity"}], "restock"}`: see `Shop.refund` for what restock means here |
| POST /_sim/orders/{id}/message | `{"text", "subject", "by_customer"}` |
| POST /_sim/orders/{id}/transaction | `{"event", "amount", "method", "gateway", "status"}`: the vendor's words |
| POST /_sim/stock | `{"sku", "quantity", "location"}`: the merchant types a level |
| GET /_sim/hooks; POST /_sim/hooks/{id}/active, inactive, delete | the webhooks and their last calls; somebody's hand |
| GET /_sim/truth, /_sim/history/{sku}, /_sim/requests | what really happened |
| GET, PUT /_sim/faults; DELETE turns all off | the dials of `faults.Faults` |
| GET, POST /_sim/settings | stock rules (of a "channel") and the switches of `settings.Switches` |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of
from syncd.simulator.bigcommerce.gate import Gate, show_seen
from syncd.simulator.bigcommerce.hooks_api import show_hook
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.rich_orders import PARTS, sell_rich
from syncd.simulator.bigcommerce.shop import Shop

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Drives a shop over HTTP."""

    def __init__(self, shop: Shop, gate: Gate) -> None:
        self._shop = shop
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """All of /_sim."""
        return [
            web.post("/_sim/products", self.products),
            web.post("/_sim/locations", self.locations),
            web.post("/_sim/channels", self.channels),
            web.post("/_sim/orders", self.sell),
            web.post(r"/_sim/orders/{order:\d+}/{action}", self.act),
            web.post("/_sim/stock", self.stock),
            web.get("/_sim/hooks", self.hooks),
            web.post(r"/_sim/hooks/{hook:\d+}/{action}", self.change_hook),
            web.get("/_sim/truth", self.truth),
            web.get("/_sim/history/{sku:.+}", self.history),
            web.get("/_sim/requests", self.requests),
            web.get("/_sim/faults", self.show_faults),
            web.put("/_sim/faults", self.set_faults),
            web.delete("/_sim/faults", self.clear_faults),
            web.get("/_sim/settings", self.show_settings),
            web.post("/_sim/settings", self.set_settings),
        ]

    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn the shop's refusals into answers."""
        try:
            return await handler(request)
        except OutOfStock:
            return answer({"error": "out_of_stock"}, 409)
        except NoSuch as bad:
            return answer({"error": "not_found", "detail": str(bad)}, 404)
        except (NotPossible, ValueError, msgspec.ValidationError) as bad:
            return answer({"error": "not_possible", "detail": str(bad)}, 400)
        except (KeyError, TypeError) as bad:
            return answer({"error": "bad_request", "detail": repr(bad)}, 400)

    async def products(self, request: web.Request) -> web.Response:
        """Put products on sale."""
        body = await _body(request)
        return answer({"products": self._shop.add_products(body["products"])}, 201)

    async def locations(self, request: web.Request) -> web.Response:
        """Open or change a location."""
        body = await _body(request)
        enabled = bool(body.get("enabled", True))
        self._shop.add_location(int(body["id"]), body["code"], body.get("label", body["code"]), enabled=enabled)
        return answer({"location": body["id"]}, 201)

    async def channels(self, request: web.Request) -> web.Response:
        """Open a channel."""
        body = await _body(request)
        self._shop.channels[int(body["id"])] = str(body.get("name", f"Channel {body['id']}"))
        return answer({"channel": body["id"]}, 201)

    async def sell(self, request: web.Request) -> web.Response:
        """A shopper buys."""
        body = await _body(request)
        if body.get("rich"):
            return answer(show_sale(self._sell_rich(body)), 201)
        order = self._shop.sell(
            body.get("lines", ()),
            paid=bool(body.get("paid", True)),
            channel=int(body.get("channel", 1)),
            custom_lines=body.get("custom_lines", ()),
            status_id=body.get("status_id"),
            source=body.get("source", "www"),
            cart_id=body.get("cart_id"),
        )
        return answer(show_sale(order), 201)

    def _sell_rich(self, body: dict[str, Any]) -> Order:
        return sell_rich(
            self._shop,
            body.get("lines", ()),
            parts=PARTS if body["rich"] is True else tuple(body["rich"]),
            paid=bool(body.get("paid", True)),
            channel=int(body.get("channel", 1)),
            source=body.get("source", "www"),
        )

    async def act(self, request: web.Request) -> web.Response:
        """A step of an order's life."""
        body = await _body(request)
        number, action = request.match_info["order"], request.match_info["action"]
        lines, shop = body.get("lines", ()), self._shop
        steps: dict[str, Callable[[], object]] = {
            "pay": lambda: shop.pay(number),
            "complete": lambda: shop.complete(number),
            "cancel": lambda: shop.cancel(number),
            "decline": lambda: shop.decline(number),
            "archive": lambda: shop.archive(number),
            "restore": lambda: shop.restore(number),
            "status": lambda: shop.write_status(number, int(body["status_id"])),
            "delete": lambda: shop.delete(number),
            "ship": lambda: shop.ship(number, lines),
            "edit": lambda: shop.edit(number, lines, body.get("add", ())),
            "message": lambda: shop.add_message(
                number, body["text"], subject=body.get("subject", ""), by_customer=bool(body.get("by_customer"))
            ),
            "transaction": lambda: shop.transact(number, **body),
            "refund": lambda: shop.refund(number, lines, restock=bool(body.get("restock", False))),
        }
        if action not in steps:
            raise NoSuch(f"no action {action!r}")
        order = shop.order(number)
        steps[action]()
        return answer(show_sale(order))

    async def stock(self, request: web.Request) -> web.Response:
        """The merchant types a level."""
        body = await _body(request)
        self._shop.set_stock(body["sku"], int(body["quantity"]), int(body.get("location", 1)))
        return answer({"sku": body["sku"], "quantity": body["quantity"]})

    async def hooks(self, request: web.Request) -> web.Response:
        """The webhooks, and the calls that were made."""
        del request
        hooks = self._shop.hooks
        return answer({"hooks": [show_hook(hook) for hook in hooks.known.values()], "calls": list(hooks.calls)})

    async def change_hook(self, request: web.Request) -> web.Response:
        """Somebody switches a webhook on or off, or deletes it."""
        hook = self._shop.hooks.known.get(int(request.match_info["hook"]))
        action = request.match_info["action"]
        if hook is None or action not in {"active", "inactive", "delete"}:
            raise NoSuch(f"no {action!r} of hook {request.match_info['hook']}")
        if action == "delete":
            del self._shop.hooks.known[hook.id]
        else:
            self._shop.hooks.set_active(hook, active=action == "active")
        return answer(show_hook(hook))

    async def truth(self, request: web.Request) -> web.Response:
        """What really happened."""
        del request
        return answer({**self._shop.truth(), "requests": self._gate.request_count})

    async def history(self, request: web.Request) -> web.Response:
        """Each change of a SKU's counters."""
        return answer(self._shop.history(request.match_info["sku"]))

    async def requests(self, request: web.Request) -> web.Response:
        """The last requests of the vendor's API."""
        del request
        return answer([show_seen(seen) for seen in self._gate.seen])

    async def show_faults(self, request: web.Request) -> web.Response:
        """All dials."""
        del request
        return answer(self._shop.faults)

    async def set_faults(self, request: web.Request) -> web.Response:
        """Set some dials; the others stay."""
        self._shop.faults.change(await _body(request))
        return answer(self._shop.faults)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Turn all dials off."""
        del request
        self._shop.faults.clear()
        return answer(self._shop.faults)

    async def show_settings(self, request: web.Request) -> web.Response:
        """Stock rules and switches."""
        del request
        return answer(self._shop.settings.show())

    async def set_settings(self, request: web.Request) -> web.Response:
        """Set stock rules, of a "channel" or of the whole store, and switches."""
        self._shop.settings.change(await _body(request))
        return answer(self._shop.settings.show())


def show_sale(order: Order) -> dict[str, Any]:
    """An order as the driving API names it: ids are text."""
    lines = [{"line": str(line.id), "sku": line.sku, "quantity": line.quantity} for line in order.lines]
    return {"order": str(order.id), "lines": lines}


async def _body(request: web.Request) -> dict[str, Any]:
    if not await request.read():
        return {}
    body = await body_of(request)
    if body is None:
        raise NotPossible("the body is no JSON object")
    return body
