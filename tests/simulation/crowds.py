"""People who do one thing again and again: what a mutant's script needs so that its safeguard matters.

Each crowd is drawn from a random source and the length of the story, and nothing else: a mutant's script doesn't change with
the seeds' own world.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.script import FIRST_SECONDS, SKUS, STORES, Step

BIG = STORES[:2]


def _buy(at: float, store: str, *lines: tuple[str, int], paid: bool = True, method: str = "") -> Step:
    return Step(
        round(at, 3), "buy", {"store": store, "lines": [list(x) for x in lines], "paid": paid, "method": method}
    )


def _change(at: float, what: str, store: str, pick: int = -1, **more: Any) -> Step:
    return Step(round(at, 3), what, {"store": store, "pick": pick, "line": 0, **more})


def _town(random: Random, until: float) -> list[Step]:
    """A bit of everything."""
    steps = []
    for _ in range(14):
        at, store = random.uniform(FIRST_SECONDS, until - 40.0), random.choice(STORES)
        steps.append(_buy(at, store, (random.choice(SKUS), random.choice([1, 1, 2]))))
    for what in ("edit", "edit", "cancel"):
        at = random.uniform(FIRST_SECONDS + 60.0, until - 20.0)
        steps.append(_change(at, what, random.choice(STORES), random.randrange(50), units=random.choice([1, 2, 3])))
    return steps


def _seesaw(random: Random, until: float) -> list[Step]:
    """One line's quantity, up and down again."""
    del random
    edits = [
        _change(150.0 + 35.0 * k + n, "edit", store, 0, units=units)
        for n, store in enumerate(STORES)
        for k, units in enumerate((2, 1, 2, 1, 2, 1, 2))
        if 150.0 + 35.0 * k < until
    ]
    return [_buy(125.0, store, ("cup", 1)) for store in STORES] + edits


def _early_birds(random: Random, until: float) -> list[Step]:
    """Orders from before the daemon came."""
    del until
    return [_buy(3.0 + 4.0 * k, store, (random.choice(SKUS), 1)) for k, store in enumerate(STORES * 2)]


def _burst(random: Random, until: float) -> list[Step]:
    """Many orders in one second, in each shop."""
    del random, until
    return [_buy(150.0 + n * 0.01, s, ("pen", 1)) for s in STORES for n in range(8)]


def _crowd(random: Random, until: float) -> list[Step]:
    """Everybody wants the hot one."""
    return [_buy(random.uniform(FIRST_SECONDS, until), random.choice(STORES), ("hot", 1)) for _ in range(14)] + [
        Step(t, "receipt", {"sku": "hot", "units": 8}) for t in (200.0, 300.0)
    ]


def _buyers(random: Random, until: float) -> list[Step]:
    """Sales everywhere, and no goods come in."""
    del until
    return [_buy(random.uniform(FIRST_SECONDS, 380.0), random.choice(STORES), ("hot", 1)) for _ in range(9)]


def _few(random: Random, until: float) -> list[Step]:
    """A few orders in one shop, and then none."""
    del random, until
    return [_buy(125.0 + 9.0 * n, "alpha", ("cup", 1)) for n in range(6)]


def _many(random: Random, until: float) -> list[Step]:
    """More orders in one shop than may be gone at once."""
    del random, until
    return [_buy(123.0 + 2.5 * n, "alpha", ("cup", 1)) for n in range(22)]


def _trickle(random: Random, until: float) -> list[Step]:
    """An order every few seconds, in one BigCommerce shop."""
    return [
        _buy(at + random.uniform(0.0, 2.0), "alpha", ("mug", 1)) for at in range(int(FIRST_SECONDS) + 10, int(until), 4)
    ]


def _stream(random: Random, until: float) -> list[Step]:
    """An order a second, in one BigCommerce shop."""
    return [_buy(at + random.uniform(0.0, 1.0), "alpha", ("mug", 1)) for at in range(140, int(until))]


def _deliveries(random: Random, until: float) -> list[Step]:
    """Goods come in all the time, so that levels rise."""
    return [
        Step(float(at), "receipt", {"sku": random.choice(SKUS), "units": 3}) for at in range(130, int(until) - 30, 31)
    ]


def _lossy(random: Random, until: float) -> list[Step]:
    """Goods come in all the time, and the shops lose the answers of most writes: no fault, it excuses nothing."""
    lossy = [Step(121.0, "lossy", {"store": s, "share": 0.6, "by": random.choice(["500", "504"])}) for s in STORES]
    return lossy + _deliveries(random, until)


def _regret(random: Random, until: float) -> list[Step]:
    """An order that everybody has heard of, and that is cancelled much later."""
    del random, until
    return [_buy(125.0, "alpha", ("cup", 2)), _buy(126.0, "woo", ("cup", 2)), _change(455.0, "cancel", "alpha")]


def _refunds(random: Random, until: float) -> list[Step]:
    """Money back, the goods stay with the customer."""
    del random
    out = []
    for k in range(4):
        at = 125.0 + 70.0 * k
        if at + 50.0 < until:
            out += [_buy(at, "woo", ("cup", 2)), _change(at + 45.0, "refund", "woo", restock=k % 2 == 0)]
    return out


def _payers(random: Random, until: float) -> list[Step]:
    """Orders paid much later."""
    return [
        _buy(at, random.choice(STORES), ("hot", 1), paid=False, method="bacs") for at in range(130, int(until) - 30, 40)
    ]


def _no_payers(random: Random, until: float) -> list[Step]:
    """Orders that nobody pays, and that are cancelled."""
    del random, until
    bought = [_buy(130.0 + n, store, ("cup", 2), paid=False, method="bacs") for n, store in enumerate(STORES)]
    return bought + [_change(250.0 + n, "cancel", store) for n, store in enumerate(STORES)]


def _delivered(random: Random, until: float) -> list[Step]:
    """Goods come in, and are sold elsewhere at once."""
    del random, until
    sold = [_buy(161.0 + n, store, ("hot", 1)) for n in range(8) for store in STORES]
    return [Step(155.0, "receipt", {"sku": "hot", "units": 5}), *sold]


def _renamed(random: Random, until: float) -> list[Step]:
    """An order that is cancelled when its product has another SKU."""
    del random, until
    return [_buy(125.0, "woo", ("cup", 2)), _change(270.0, "cancel", "woo")]


def _growing(random: Random, until: float) -> list[Step]:
    """One order in each shop gets another unit, again and again."""
    del random
    return [_buy(130.0, store, ("mug", 1)) for store in STORES] + [
        _change(135.0 + 2.5 * n, "edit", store, 0, units=2 + n)
        for n in range(85)
        for store in STORES
        if 135.0 + 2.5 * n < until
    ]


def _looked_at(random: Random, until: float) -> list[Step]:
    """An order that is edited while an operator reads it, and others behind it."""
    del random, until
    others = [_buy(182.0 + 2.0 * n, "alpha", ("mug", 1)) for n in range(14)]
    return [_buy(150.0, "alpha", ("cup", 1)), _change(181.5, "edit", "alpha", 0, units=3), *others]


Crowd = Callable[[Random, float], list[Step]]
PEOPLE: dict[str, Crowd] = {
    "town": _town, "seesaw": _seesaw, "early birds": _early_birds, "burst": _burst, "crowd": _crowd, "buyers": _buyers, "few": _few, "many": _many, "regret": _regret,
    "trickle": _trickle, "stream": _stream, "deliveries": _deliveries, "refunds": _refunds, "payers": _payers,
    "lossy": _lossy, "no payers": _no_payers, "delivered": _delivered, "renamed": _renamed, "growing": _growing, "looked at": _looked_at,
}  # fmt: skip
