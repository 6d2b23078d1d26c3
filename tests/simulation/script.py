"""The script of one seed: what shoppers, the merchant and fate will do, and when. Drawn from the seed before anything runs, so
that a failing one can be kept as a script: a bare seed means something else after the next `await`.

Steps name things loosely ("pick" 7 of the orders that there are), so a script stays playable when the daemon changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from tests.simulation.dials import CALM, DIALS, Dial

STORES = ("alpha", "beta", "woo")
BIGCOMMERCE = ("alpha", "beta")
SKUS = ("hot", "mug", "pen", "cup")
KIT = "set"
KITS = {KIT: {"mug": 1, "pen": 2}}
RENAMED = ("cup", "cap")  # a SKU, and the name that it gets in some seeds

BOOKS = {"novel": 9, "atlas": 4}  # what the second tenant sells, where there is one

STORY_SECONDS = 1_080.0  # shoppers and faults; then both stop
FIRST_SECONDS = 120.0  # the first contact and the baseline are left in peace
ACTIONS = (26, 40)
FAULTS = (3, 8)
AT_ONCE_MAX = 2  # faults at the same time: together they must stay within what the design can bear
KILLS_MAX = 4
PROPAGATION_SECONDS = 200.0  # poll, settling, a torn order's wait, a retry, the write and its application

WEATHER = (2, 6)  # what befalls the shops' calls, where shops call
HOOKED_PROPAGATION_SECONDS = 260.0  # a shop that calls is polled half as often; a call that is lost costs a poll
LOSE_CALLS = frozenset({"hooks_lost", "hook_off", "hook_gone"})  # what no platform makes up for
KILLS_AT_CALLS_MAX = 1

CATALOGUE_SECONDS = 600.0  # it is read each hour; a new name that nobody orders is not seen before

HOT_SECONDS = 9_000.0  # a long story about few units
HOT_PROPAGATION_SECONDS = 620.0  # lost answers are no excuse there; they cost a request's time and the breaker's probe
HOT_EVERY_SECONDS = 130.0  # between two orders of one shop, on average

_CHANGES = {
    "edit": 5,
    "cancel": 3,
    "refund": 3,
    "pay": 3,
    "complete": 2,
    "remove": 1,
    "delete": 1,
    "ship": 1,
    "refunded": 1,
}
_CHANGES_BIGCOMMERCE = {"decline": 1, "archive": 1, "ship_some": 2, "status": 2}
_CHANGES_WOOCOMMERCE = {"trash": 2, "untrash": 2, "fail": 1}
LOST_BY = ("504", "500", "reset", "hang")
HOT_KILLS = ("kill", "kill_machine", "kill_at_commit", "kill_at_write")
_MERCHANT = {"receipt": 3, "erp_sale": 2, "hand": 1, "count": 1}


class Step(msgspec.Struct, frozen=True):
    """One thing that happens: at which second of the story, what, and with which particulars."""

    at: float
    what: str
    args: dict[str, Any] = {}


class Script(msgspec.Struct, frozen=True):
    """A whole seed. `knobs` tune the daemon (count_on, page_max, overlaps).
    `counting_erp`: an ERP that can be asked for keys and yet books whatever is posted, twice if it comes twice.
    `books`: there is a second tenant. `propagation_seconds` of everybody's health, after which a level is right for what had happened before."""

    seed: int
    steps: tuple[Step, ...]
    opening: dict[str, int]
    skews: dict[str, float]
    mode: str = "live"
    counting_erp: bool = True
    slow_ledger: float = 0.05
    story_seconds: float = STORY_SECONDS
    knobs: dict[str, Any] = {}
    world: str = ""
    books: bool = False
    hooks: bool = False  # shops call: the daemon has its listener
    propagation_seconds: float = PROPAGATION_SECONDS

    def tells(self, store: str) -> bool:
        """Whether calls of that store come in the end, whatever befalls them: what nobody else tells of may happen there."""
        faults = [step.args for step in self.steps if step.what == "fault"]
        lost = any(each["dial"] in LOSE_CALLS and each["host"] == store for each in faults)
        return self.hooks and not lost and not any(DIALS[each["dial"]].outlasts for each in faults)

    @property
    def dials(self) -> list[str]:
        """The faults in it, by name."""
        return [step.args["dial"] for step in self.steps if step.what == "fault"]


def draw(seed: int) -> Script:
    """The script of a seed."""
    random = Random(f"script {seed}")
    opening = {sku: random.choice([12, 25, 60]) for sku in SKUS}
    opening["hot"] = random.choice([3, 5, 8, 15])
    steps = [*_people(random), *_fate(random)]
    if seed % 8 == 6:
        at = round(random.uniform(2 * FIRST_SECONDS, STORY_SECONDS), 3)
        steps.append(Step(at, "restore", {"forget": random.choice([1, 3, 6, 12])}))
    books = seed % 5 == 3
    steps += _books(random) if books else []
    knobs: dict[str, Any] = {}
    if seed % 4 == 1:
        steps += _articles(random)
        knobs["catalogue_seconds"] = CATALOGUE_SECONDS
    hooks = seed % 3 != 2  # two in three
    steps += _weather(Random(f"calls {seed}"), STORY_SECONDS) if hooks else []
    mode = "shadow" if seed % 16 == 15 else "live"
    return Script(
        seed=seed,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        opening=opening,
        skews={host: random.choice([0.0, 0.0, random.uniform(-40.0, 40.0)]) for host in (*STORES, "syncd")},
        mode=mode,
        counting_erp=seed % 2 == 0,
        slow_ledger=random.choice([0.0, 0.05, 0.2]),
        knobs=knobs,
        books=books,
        hooks=hooks,
        propagation_seconds=HOOKED_PROPAGATION_SECONDS if hooks else PROPAGATION_SECONDS,
    )


def draw_hot(seed: int) -> Script:
    """One SKU in all shops, few units, many orders, some goods now and then; for hours, of which the ERP is down for more than
    one, while the shops lose the answers of writes all the time (a step `lossy`, not a fault: it excuses nothing)."""
    random = Random(f"hot {seed}")
    plain = draw(seed)
    steps: list[Step] = []

    def moments(every: float) -> list[float]:
        at, out = FIRST_SECONDS, []
        while (at := at + random.expovariate(1 / every)) < HOT_SECONDS:
            out.append(round(at, 3))
        return out

    for store in STORES:
        steps += [Step(at, "buy", {"store": store, **_basket(random, ["hot"])}) for at in moments(HOT_EVERY_SECONDS)]
        steps += [_change_of_order(random, at, store) for at in moments(1_500.0)]
        steps += [
            Step(at, "lossy", {"store": store, "share": random.uniform(0.1, 0.7), "by": random.choice(LOST_BY)})
            for at in (FIRST_SECONDS, *moments(1_800.0))
        ]
    steps += [Step(at, "receipt", {"sku": "hot", "units": random.randint(3, 12)}) for at in moments(300.0)]
    steps += [Step(at, "erp_sale", {"sku": "hot", "units": random.randint(1, 4)}) for at in moments(3_000.0)]
    steps += _weather(Random(f"hot calls {seed}"), HOT_SECONDS) if plain.hooks else []
    down = random.uniform(600.0, 2_500.0)
    faults = [("erp_down", "erp", down, random.uniform(3_600.0, 5_400.0))]
    faults += [(random.choice(HOT_KILLS), "syncd", at, random.uniform(1.0, 60.0)) for at in moments(2_500.0)]
    steps += [
        Step(at, "fault", {"dial": dial, "host": host, "seconds": round(seconds, 3), "draw": random.random()})
        for dial, host, at, seconds in faults
    ]
    return msgspec.structs.replace(
        plain, steps=tuple(sorted(steps, key=lambda step: step.at)), opening={**plain.opening, "hot": 15}, mode="live",
        story_seconds=HOT_SECONDS, world="hot", propagation_seconds=HOT_PROPAGATION_SECONDS,
    )  # fmt: skip


WORLDS = {"": draw, "hot": draw_hot}


def _people(random: Random) -> list[Step]:
    steps: list[Step] = []
    for _ in range(random.randint(*ACTIONS)):
        at = round(random.uniform(FIRST_SECONDS, STORY_SECONDS), 3)
        drawn = random.random()
        store = random.choice(STORES)
        if drawn < 0.5:
            steps.append(Step(at, "buy", {"store": store, **_basket(random)}))
        elif drawn < 0.56:  # the last one, in two shops at once
            first, second = random.sample(STORES, 2)
            steps += [
                Step(at + random.uniform(0, 0.4), "buy_all", {"store": name, "sku": "hot"}) for name in (first, second)
            ]
        elif drawn < 0.9:
            steps.append(_change_of_order(random, at, store))
        else:
            what = random.choices(list(_MERCHANT), list(_MERCHANT.values()))[0]
            args: dict[str, Any] = {"sku": random.choice(SKUS), "units": random.randint(1, 6)}
            if what == "count":
                args["units"] = random.choice([-3, -1, 1, 4])
            if what == "hand":
                args |= {"store": store, "units": random.choice([-2, -1, 1, 2, 5])}
            steps.append(Step(at, what, args))
    return steps


def _basket(random: Random, skus: Sequence[str] = ()) -> dict[str, Any]:
    skus = list(skus) or _skus(random)
    return {
        "lines": [[sku, random.choice([1, 1, 1, 2, 3])] for sku in dict.fromkeys(skus)],
        "paid": random.random() < 0.75,
        "method": random.choice(["", "bacs"]),
    }


def _skus(random: Random) -> list[str]:
    skus = random.sample(SKUS, random.choice([1, 1, 1, 2, 3]))
    if random.random() < 0.15:
        skus[0] = KIT
    if random.random() < 0.3:
        skus[0] = "hot"
    return skus


def _change_of_order(random: Random, at: float, store: str) -> Step:
    changes = _CHANGES | (_CHANGES_BIGCOMMERCE if store in BIGCOMMERCE else _CHANGES_WOOCOMMERCE)
    what = random.choices(list(changes), list(changes.values()))[0]
    args: dict[str, Any] = {"pick": random.randrange(1_000), "line": random.randrange(1_000)}
    if what == "edit":
        args["units"] = random.choice([1, 1, 2, 3, 4])
        if random.random() < 0.3:
            args["add"] = random.choice(SKUS)
    if what == "refund":
        args["restock"] = random.random() < (0.2 if store in BIGCOMMERCE else 0.6)
    if what == "status":
        args["to"] = random.choice([1, 7, 8, 9, 11, 11, 12, 13])
    return Step(at, what, {"store": store, **args})


def _books(random: Random) -> list[Step]:
    """What happens in the bookshop: little."""

    def at() -> float:
        return round(random.uniform(FIRST_SECONDS, STORY_SECONDS), 3)

    buys = [Step(at(), "books", {"do": "buy", "sku": random.choice(list(BOOKS))}) for _ in range(6)]
    changes = [
        Step(at(), "books", {"do": what, "pick": random.randrange(100), "line": 0, "units": 2, "restock": True})
        for what in random.choices(["cancel", "edit", "refund", "trash", "pay"], k=4)
    ]
    stock = [
        Step(at(), "books", {"do": "stock", "sku": random.choice(list(BOOKS)), "units": random.choice([-1, 3, 5])})
    ]
    return buys + changes + stock


def _articles(random: Random) -> list[Step]:
    """One SKU gets another name, in the ERP at one time and in the shops at others; products are made anew under their SKU."""
    old, new = RENAMED
    stores = random.sample(STORES, random.choice([1, 2, 3]))
    span = (FIRST_SECONDS, STORY_SECONDS * 0.7)
    steps = [Step(random.uniform(*span), "renumber", {"sku": old, "to": new})]
    steps += [Step(random.uniform(*span), "rename", {"store": store, "sku": old, "to": new}) for store in stores]
    for store in stores:
        for step in steps[:2]:  # orders around it
            at = step.at + random.uniform(-90.0, 90.0)
            steps.append(Step(at, "buy", {"store": store, **_basket(random, [old, "pen"])}))
    anew = {"store": random.choice(STORES), "sku": random.choice([*SKUS, KIT]), "units": random.choice([0, 2, 9])}
    steps.append(Step(random.uniform(*span), "recreate", anew))
    return [msgspec.structs.replace(step, at=round(step.at, 3)) for step in steps]


def _weather(random: Random, until: float) -> list[Step]:
    """What befalls calls, several at a time: it excuses nothing, as polling goes on. Some orders are saved again and again."""
    steps: list[Step] = []
    dials = [dial for dial in DIALS.values() if dial.calls]
    kills = 0
    for _ in range(random.randint(*WEATHER)):
        dial = random.choice(dials)
        at, seconds = random.uniform(FIRST_SECONDS, until), random.uniform(*dial.seconds)
        args = {"dial": dial.name, "host": random.choice(dial.hosts), "seconds": round(seconds, 3)}
        kills += dial.is_kill
        if not dial.is_kill or kills <= KILLS_AT_CALLS_MAX:
            steps.append(Step(round(at, 3), "fault", {**args, "draw": random.random()}))
    if random.random() < 0.5:
        at, store = random.uniform(FIRST_SECONDS, until), random.choice(STORES)
        steps.append(Step(round(at, 3), "flurry", {"store": store, "pick": random.randrange(1_000)}))
    return steps


def _fate(random: Random) -> list[Step]:
    """Faults, each with a beginning and an end, at most so many at a time; kills among them."""
    if random.random() < 0.06:
        return []
    steps: list[Step] = []
    spans: list[tuple[float, float]] = []
    kills = 0
    names = [name for name in DIALS if name not in CALM and not DIALS[name].calls]
    for _ in range(random.randint(*FAULTS)):
        dial = DIALS[random.choices(names, [DIALS[name].weight for name in names])[0]]
        if dial.is_kill and kills >= KILLS_MAX:
            continue
        fault = _place(random, dial, spans)
        if fault is not None:
            kills += dial.is_kill
            steps.append(fault)
    return steps


def _place(random: Random, dial: Dial, spans: list[tuple[float, float]]) -> Step | None:
    begin = round(random.uniform(FIRST_SECONDS, STORY_SECONDS), 3)
    low, high = dial.seconds
    end = min(begin + round(random.uniform(low, high), 3), STORY_SECONDS + (high if dial.outlasts else 0.0))
    if sum(1 for a, b in spans if a < end and begin < b) >= AT_ONCE_MAX:
        return None
    spans.append((begin, end))
    where = random.choice(dial.hosts)
    return Step(
        begin, "fault", {"dial": dial.name, "host": where, "seconds": round(end - begin, 3), "draw": random.random()}
    )
