"""Seeded shoppers and merchants, and what the ERP must have after them: the table of the accounts, worked out from the
simulators' ground truth and not from anything that syncd says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from syncd.simulator.bigcommerce.shop import Shop as BigCommerceShop
from tests.reconcile.world import Store, World

BIGCOMMERCE_DEAD = {5, 6}
BIGCOMMERCE_OVER = {2, 4, 10}
SEEN_SECONDS = 120.0  # after which every order has been read once, whatever faults there are
WOOCOMMERCE_UNCOUNTED = {"pending", "checkout-draft", "cancelled", "failed", "trash", "deleted"}


def is_bigcommerce(store: Store) -> bool:
    return isinstance(store.shop, BigCommerceShop)


def bigcommerce_commitment(order: dict[str, Any], line: dict[str, Any]) -> int:
    """Refunds there move money: the shop's documents don't tell what was put back by hand."""
    dead = order["status_id"] in BIGCOMMERCE_DEAD or (order["archived"] and order["status_id"] not in BIGCOMMERCE_OVER)
    if order["deleted"] and order["status_id"] not in BIGCOMMERCE_OVER:
        return 0
    if dead:
        return int(line["shipped"]) if order["status_id"] != 5 else 0
    return 0 if order["status_id"] == 0 else int(line["quantity"])


def woocommerce_commitment(order: dict[str, Any], line: dict[str, Any], *, was_completed: bool) -> int:
    if order["status"] in WOOCOMMERCE_UNCOUNTED:
        left = line["quantity"] - line["restocked"]
        keeps = was_completed and order["status"] in {"trash", "failed"}
        return int(left) if keeps else 0
    return int(line["quantity"] - line["restocked"])


async def committed(world: World, completed: set[tuple[str, str]] | None = None) -> Counter[str]:
    """Units that the ERP should have counted, by SKU, over all shops."""
    units: Counter[str] = Counter()
    for store in world.stores.values():
        truth = await store.call("GET", "/truth")
        for order in truth["orders"]:
            for line in order["lines"]:
                if is_bigcommerce(store):
                    units[line["sku"]] += bigcommerce_commitment(order, line)
                else:
                    done = (store.name, order["order"]) in (completed or set())
                    units[line["sku"]] += woocommerce_commitment(order, line, was_completed=done)
    return units


async def pay_all(world: World) -> None:
    """No order is left unpaid: what a pending one holds is missing in the other shops."""
    for store in world.stores.values():
        for order in (await store.call("GET", "/truth"))["orders"]:
            if order["status"] == "pending":
                await store.act(order["order"], "pay")


@dataclass
class Shoppers:
    """They do one thing after another, wherever."""

    world: World
    random: Random
    skus: list[str]
    orders: list[tuple[Store, str, list[dict[str, Any]]]] = field(default_factory=list)
    over: set[tuple[str, str]] = field(default_factory=set)
    completed: set[tuple[str, str]] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    bought: dict[tuple[str, str], float] = field(default_factory=dict)

    async def act(self) -> None:
        """One thing that happens in some shop."""
        store = self.random.choice(list(self.world.stores.values()))
        mine = [entry for entry in self.orders if entry[0] is store]
        if not mine or self.random.random() < 0.45:
            await self._buy(store)
            return
        entry = self.random.choice(mine)
        await self._change(*entry)

    async def _buy(self, store: Store) -> None:
        skus = self.random.sample(self.skus, self.random.choice([1, 1, 1, 2, 3]))
        body: dict[str, Any] = {"lines": [{"sku": sku, "quantity": self.random.choice([1, 1, 2, 3])} for sku in skus]}
        body["paid"] = self.random.random() < 0.7
        if not is_bigcommerce(store) and not body["paid"]:
            body["method"] = self.random.choice(["", "bacs"])
        made = await store.call("POST", "/orders", body)
        self.done["buy" if made else "sold out"] += 1
        if made:
            self.orders.append((store, made["order"], made["lines"]))
            self.bought[store.name, made["order"]] = self.world.clock.monotonic()

    async def _change(self, store: Store, order: str, lines: list[dict[str, Any]]) -> None:
        what = self.random.choice(["pay", "cancel", "edit", "edit", "refund", "complete", "rare"])
        if what == "rare":
            rare = ["decline", "archive", "ship"] if is_bigcommerce(store) else ["fail", "trash", "untrash"]
            what = self.random.choice([*rare, "delete"])
        body: dict[str, Any] = {}
        line = self.random.choice(lines)
        if what == "edit":
            body = {"lines": [{"line": line["line"], "quantity": self.random.choice([0, 1, 2, 4])}]}
            if self.random.random() < 0.3:
                body["add"] = [{"sku": self.random.choice(self.skus), "quantity": 1}]
        if what == "refund":
            body = {"lines": [{"line": line["line"], "quantity": 1}]}
            body["restock"] = not is_bigcommerce(store) and self.random.random() < 0.6
        if what != "refund" and (store.name, order) in self.over:
            return  # what is over stays over, but for goods that come back
        if what == "archive" and self.world.clock.monotonic() - self.bought[store.name, order] < SEEN_SECONDS:
            return  # BigCommerce lists no archived orders: one that was never seen can't be found
        path = f"{store.url}/_sim/orders/{order}/{what}"
        async with self.world.session.post(path, json=body) as answer:
            if answer.status >= 400:
                self.done[f"no {what}"] += 1
                return
        self.done[what] += 1
        if what in {"complete", "refund", "ship"}:
            self.over.add((store.name, order))
        if what == "complete":
            self.completed.add((store.name, order))
        if what == "delete":
            self.orders = [entry for entry in self.orders if (entry[0], entry[1]) != (store, order)]
