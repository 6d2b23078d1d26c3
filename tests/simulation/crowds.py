"""People who do one thing again and again: what a mutant's script needs so that its safeguard matters."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.script import FIRST_SECONDS, SKUS, STORES, Step


def _seesaw(random: Random) -> list[Step]:
    """One line's quantity, up and down again."""
    return [
        Step(300.0 + 90.0 * k, "edit", {"store": store, "pick": 0, "line": 0, "units": units})
        for store in STORES
        for k, units in enumerate((2, 1, 2, 1, 2))
    ] + [Step(150.0, "buy", {"store": store, "lines": [["cup", 1]], "paid": True, "method": ""}) for store in STORES]


def _early_birds(random: Random) -> list[Step]:
    """Orders from before the daemon came."""
    return [
        Step(3.0 + 4.0 * k, "buy", {"store": store, "lines": [[random.choice(SKUS), 1]], "paid": True, "method": ""})
        for k, store in enumerate(STORES * 2)
    ]


def _burst(random: Random) -> list[Step]:
    """Many orders in one second, in each shop."""
    return [
        Step(200.0 + 300.0 * k + n * 0.01, "buy", {"store": s, "lines": [["pen", 1]], "paid": True, "method": ""})
        for k in range(2)
        for s in STORES
        for n in range(8)
    ]


def _crowd(random: Random) -> list[Step]:
    """Everybody wants the hot one."""
    return [
        Step(
            round(random.uniform(FIRST_SECONDS, 1_050.0), 2),
            "buy",
            {"store": random.choice(STORES), "lines": [["hot", 1]], "paid": True, "method": ""},
        )
        for _ in range(14)
    ] + [Step(t, "receipt", {"sku": "hot", "units": 8}) for t in (400.0, 700.0)]


def _trickle(random: Random) -> list[Step]:
    """An order every few seconds, in both BigCommerce shops."""
    return [
        Step(
            130.0 + 5.0 * n + random.uniform(0.0, 2.0), "buy",
            {"store": store, "lines": [["mug", 1]], "paid": True, "method": ""},
        )
        for n in range(100)
        for store in STORES[:2]
    ]  # fmt: skip


def _deliveries(random: Random) -> list[Step]:
    """Goods come in all the time, so that levels rise."""
    return [Step(130.0 + 31.0 * n, "receipt", {"sku": random.choice(SKUS), "units": 3}) for n in range(28)]


def _regret(random: Random) -> list[Step]:
    """Orders that are cancelled soon."""
    out = []
    for _ in range(10):
        at, store = random.uniform(FIRST_SECONDS, 900.0), random.choice(STORES)
        out += [
            Step(at, "buy", {"store": store, "lines": [["hot", 1], ["cup", 2]], "paid": True, "method": ""}),
            Step(at + random.uniform(25, 150), "cancel", {"store": store, "pick": -1, "line": 0}),
        ]
    return out


def _refunds(random: Random) -> list[Step]:
    """Money back, the goods stay with the customer."""
    out = []
    for k in range(4):
        at = 150.0 + 150.0 * k
        out += [
            Step(at, "buy", {"store": "woo", "lines": [["cup", 2]], "paid": True, "method": ""}),
            Step(at + 80, "refund", {"store": "woo", "pick": -1, "line": 0, "restock": k % 2 == 0}),
        ]
    return out


def _payers(random: Random) -> list[Step]:
    """Orders paid much later."""
    out = []
    for k in range(8):
        at, store = 140.0 + 90.0 * k, random.choice(STORES)
        out.append(Step(at, "buy", {"store": store, "lines": [["hot", 1]], "paid": False, "method": "bacs"}))
    return out


PEOPLE: dict[str, Callable[[Random], list[Step]]] = {
    "seesaw": _seesaw, "early birds": _early_birds, "burst": _burst, "crowd": _crowd, "regret": _regret,
    "trickle": _trickle, "deliveries": _deliveries, "refunds": _refunds, "payers": _payers,
}  # fmt: skip
