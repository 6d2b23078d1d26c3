"""The shoppers of one shop, and its merchant: who buys what, and what becomes of it. By a seed; the faults decide the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import anyio

from syncd.demo.assortment import ARTICLES
from syncd.demo.city import NotNow, Shop

PAUSE_SECONDS: Final = 0.45  # between two things that happen in one shop, on average
LINES_MAX: Final = 3
UNITS: Final = (1, 1, 1, 1, 2, 2, 3)
PAID_LATER: Final = 0.12
BUYING: Final = 0.62
"""The rest is what happens to orders that were placed before."""
LATER: Final = {"cancel": 4, "edit": 4, "refund": 2, "restock": 3, "complete": 2, "pay": 3}


@dataclass(slots=True)
class Placed:
    """An order as the shopper remembers it. `lines`: (line, SKU, units)."""

    order: str
    paid: bool
    lines: list[tuple[str, str, int]]


@dataclass(slots=True)
class Crowd:
    """Everybody around one shop."""

    shop: Shop
    chance: Random
    tell: Callable[[str], None]
    done: Counter[str] = field(default_factory=Counter)
    orders: list[Placed] = field(default_factory=list)

    async def live(self) -> None:
        """Buy and change orders until cancelled."""
        while True:
            await anyio.sleep(self.chance.expovariate(1 / PAUSE_SECONDS))
            what = "buy"
            if self.orders and self.chance.random() > BUYING:
                [what] = self.chance.choices(list(LATER), list(LATER.values()))
            await self._try(what)

    async def finish(self, waiting: list[str]) -> None:
        """Nobody stays undecided: who hasn't paid yet pays, or gives up."""
        for order in waiting:
            what = self.chance.choice(["pay", "cancel"])
            try:
                await self.shop.act(order, what)
                self.done[what] += 1
            except NotNow:
                self.done["refused"] += 1

    async def _try(self, what: str) -> None:
        steps: dict[str, Callable[[], Awaitable[None]]] = {
            "buy": self._buy, "cancel": self._cancel, "edit": self._edit, "refund": self._refund,
            "restock": self._restock, "complete": self._complete, "pay": self._pay,
        }  # fmt: skip
        try:
            await steps[what]()
        except NotNow:
            self.done["refused"] += 1

    async def _buy(self) -> None:
        articles = self.chance.choices(
            ARTICLES, [article.weight for article in ARTICLES], k=self.chance.randint(1, LINES_MAX)
        )
        wanted = {article.sku: self.chance.choice(UNITS) for article in articles}
        paid = self.chance.random() >= PAID_LATER
        bought = await self.shop.buy(wanted, paid=paid)
        self.orders.append(Placed(bought["order"], paid, _lines(bought)))
        self.done["orders"] += 1

    async def _cancel(self) -> None:
        order = self._take(lambda _: True)
        if order:
            await self.shop.act(order.order, "cancel")
            self._tell("cancel", f"order {order.order} is cancelled: {_goods(order)} back on the shelf")

    async def _edit(self) -> None:
        """Another quantity for one line, and at times a line more."""
        order = self._choose(lambda _: True)
        if not order:
            return
        line, sku, units = self.chance.choice(order.lines)
        more = self.chance.choice([-1, 1, 1, 2])
        target = max(0 if len(order.lines) > 1 else 1, units + more)
        add = [{"sku": self.chance.choice(ARTICLES).sku, "quantity": 1}] if self.chance.random() < 0.3 else []
        changed = await self.shop.act(order.order, "edit", {"lines": [{"line": line, "quantity": target}], "add": add})
        order.lines = _lines(changed)
        extra = f", and 1 {add[0]['sku']} more" if add else ""
        self._tell("edit", f"order {order.order} is edited: {units} {sku} become {target}{extra}")

    async def _refund(self) -> None:
        """Money for one unit; the goods don't come back."""
        order = self._take(lambda order: order.paid)
        if order:
            line, sku, _ = self.chance.choice(order.lines)
            body = {"lines": [{"line": line, "quantity": 1}], "restock": False}
            await self.shop.act(order.order, "refund", body)
            self._tell("refund", f"order {order.order}: money back for 1 {sku}, which stays with the customer")

    async def _restock(self) -> None:
        """Goods come back. WooCommerce puts refunded units on the shelf; BigCommerce does so for the status Refunded."""
        order = self._take(lambda order: order.paid)
        if not order:
            return
        if self.shop.kind == "bigcommerce":
            await self.shop.write_refunded(order.order)
            self._tell("restock", f"order {order.order} is refunded: {_goods(order)} back on the shelf")
            return
        line, sku, units = self.chance.choice(order.lines)
        back = self.chance.randint(1, units)
        body = {"lines": [{"line": line, "quantity": back}], "restock": True}
        await self.shop.act(order.order, "refund", body)
        self._tell("restock", f"order {order.order} is refunded: {back} {sku} back on the shelf")

    async def _complete(self) -> None:
        order = self._choose(lambda order: order.paid)
        if order:
            await self.shop.act(order.order, "complete")
            self.done["complete"] += 1

    async def _pay(self) -> None:
        order = self._choose(lambda order: not order.paid)
        if order:
            await self.shop.act(order.order, "pay")
            order.paid = True
            self.done["pay"] += 1

    def _choose(self, fits: Callable[[Placed], bool]) -> Placed | None:
        found = [order for order in self.orders if fits(order) and order.lines]
        return self.chance.choice(found) if found else None

    def _take(self, fits: Callable[[Placed], bool]) -> Placed | None:
        """Choose an order that nothing more will happen to."""
        order = self._choose(fits)
        if order:
            self.orders.remove(order)
        return order

    def _tell(self, what: str, text: str) -> None:
        self.done[what] += 1
        self.tell(f"{self.shop.name}: {text}")


def _lines(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(line["line"], line["sku"], line["quantity"]) for line in answer["lines"] if line["quantity"] > 0]


def _goods(order: Placed) -> str:
    return ", ".join(f"{units} {sku}" for _, sku, units in order.lines)
