"""Targets: what the ERP has surely shown, less what it hasn't been told; by examples and against a modelled ERP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.moves import CONFIRMED, INTENDED, REFUSED, SENT, VOID
from syncd.core.quantity import NEVER, Instant, Quantity, parse, units
from syncd.core.target import ErpReading, OpenAccount, RecentMove, SkuTarget, item_target, sku_target, untold

BEGAN = Instant(1_000)
READING = ErpReading(units(10), BEGAN)
NOTHING = Quantity(0)


def account(commitment, confirmed=0, *moves, claim=0, hold=0, until=0, store="us"):
    return OpenAccount(
        store, "77", "a", units(commitment), units(confirmed), units(claim), units(hold), Instant(until), moves
    )


def move(sold, state, confirmed_at=NEVER):
    return RecentMove(units(-sold), state, Instant(confirmed_at))


def target(*accounts, store="us", buffer=0, now=0):
    return sku_target("BOLT", store, READING, accounts, buffer=units(buffer), now=Instant(now)).target // units(1)


def test_untold_a_commitment_that_the_erp_has_not_confirmed_is_subtracted():
    assert target(account(3)) == 7
    assert target(account(3, 0, move(3, INTENDED))) == 7
    assert target(account(3, 0, move(3, SENT))) == 7


def test_untold_what_was_confirmed_before_the_reading_began_is_in_it():
    assert target(account(3, 3)) == 10
    assert target(account(3, 3, move(3, CONFIRMED, BEGAN - 1))) == 10


@pytest.mark.parametrize("confirmed_at", [BEGAN, BEGAN + 1])
def test_untold_what_was_confirmed_since_the_reading_began_may_be_missing_in_it(confirmed_at):
    assert target(account(3, 3, move(3, CONFIRMED, confirmed_at))) == 7


def test_untold_doesn_t_vanish_because_a_move_was_refused_or_voided():
    assert target(account(3, 0, move(3, REFUSED))) == 7
    assert target(account(3, 0, move(3, VOID))) == 7


def test_never_early_a_cancelled_order_raises_nothing_before_the_erp_has_shown_it():
    assert target(account(0, 3, move(-3, INTENDED))) == 10
    assert target(account(0, 3, move(-3, SENT))) == 10
    assert target(account(0, 0, move(-3, CONFIRMED, BEGAN + 1))) == 10


def test_never_early_a_refused_increase_never_raises_anything():
    assert target(account(0, 3, move(-3, REFUSED))) == 10
    assert target(account(3, 3, move(-3, REFUSED))) == 10  # nor does it lower anything once the units are sold again


@pytest.mark.parametrize("state", [SENT, CONFIRMED])
def test_never_early_an_increase_that_may_be_in_the_reading_is_counted_as_in_it(state):
    """3 sold and told; given back, maybe in R already; 3 sold again, not told: R shows the 3 free, so they are subtracted."""
    confirmed = 0 if state == CONFIRMED else 3
    assert target(account(3, confirmed, move(-3, state, BEGAN + 1), move(3, INTENDED))) == 7


def test_claim_is_subtracted_from_every_shop_s_target():
    taken = account(0, claim=3)
    assert target(taken, store="us") == target(taken, store="eu") == 7


def test_holds_count_against_other_shops_only_and_expire():
    held = account(0, hold=3, until=500)
    assert target(held, store="us") == 10
    assert target(held, store="eu") == 7
    assert target(held, store="eu", now=500) == 10


def test_buffer_is_subtracted_and_a_target_may_be_negative():
    assert target(account(9), buffer=2) == -1


def test_each_subtraction_has_its_term_for_explain():
    told = sku_target(
        "BOLT",
        "eu",
        READING,
        [account(3), account(0, claim=1), account(0, hold=2, until=9)],
        buffer=NOTHING,
        now=Instant(0),
    )
    assert [(term.what, term.units // units(1)) for term in told.terms] == [("untold", 3), ("claim", 1), ("hold", 2)]
    assert told.target == READING.level - sum(term.units for term in told.terms)


def targets(**levels):
    return {sku: SkuTarget(sku, units(level), READING, NOTHING, ()) for sku, level in levels.items()}


def test_kits_the_least_over_the_components_decides_rounded_down():
    recipe = (("BOLT", units(4)), ("NUT", units(2)))
    assert item_target(recipe, targets(BOLT=11, NUT=9), whole=True) == units(2)
    assert item_target(recipe, targets(BOLT=11, NUT=9), whole=False) == parse("2.75")
    assert item_target(recipe, targets(BOLT=100, NUT=1), whole=True) == 0


def test_kits_below_zero_are_rounded_down_too():
    assert item_target((("BOLT", units(4)),), targets(BOLT=-1), whole=True) == units(-1)


def test_factors_a_listing_of_one_unit_shows_the_sku_s_own_target():
    assert item_target((("BOLT", units(1)),), targets(BOLT=7), whole=True) == units(7)


@dataclass
class Entry:
    """One account: what its order commits, and its moves; `at_erp` are those that the ERP has counted."""

    store: str
    commitment: int = 0
    claim: int = 0
    moves: list[dict[str, Any]] = field(default_factory=list)

    def counted(self, *states):
        return sum(m["sold"] for m in self.moves if m["state"] in states)

    def at_erp(self):
        return sum(m["sold"] for m in self.moves if m["there"])


READ_FIRST = ErpReading(units(50), Instant(0))


@dataclass
class Erp:
    """A modelled ERP and what syncd knows of it. Each step takes a tick; a request spans as many as the script says."""

    stock: int = 50
    now: int = 0
    entries: list[Entry] = field(default_factory=lambda: [Entry("us"), Entry("eu"), Entry("us")])
    asked: int | None = None
    seen: int | None = None
    reading: ErpReading = READ_FIRST

    def step(self, what, which, number):
        self.now += 1
        getattr(self, what)(self.entries[which], number)

    def order(self, entry, number):
        """Another state of an order is read: DIFFERENCE, in two lines."""
        for old in entry.moves:
            if old["state"] == INTENDED:
                old["state"] = VOID
        entry.commitment = number
        if missing := number - entry.counted(SENT, CONFIRMED):
            entry.moves.append({"sold": missing, "state": INTENDED, "there": False, "at": NEVER})

    def claim(self, entry, number):
        entry.claim = number

    def receive(self, _, number):
        self.stock += number

    def send(self, entry, _):
        for one in entry.moves:
            if one["state"] == INTENDED and not any(m["state"] == SENT for m in entry.moves):
                one["state"] = SENT

    def arrive(self, entry, _):
        """The ERP counts it; whether syncd learns that is another matter."""
        for one in entry.moves:
            if one["state"] == SENT and not one["there"]:
                one["there"] = True
                self.stock -= one["sold"]

    def answer(self, entry, _):
        """The answer arrives; or the ERP is asked by key, and has it."""
        for one in entry.moves:
            if one["state"] == SENT and one["there"]:
                one |= {"state": CONFIRMED, "at": self.now}

    def refuse(self, entry, _):
        for one in entry.moves:
            if one["state"] == SENT and not one["there"]:
                one["state"] = REFUSED

    def ask(self, *_):
        self.asked, self.seen = self.now, None

    def look(self, *_):
        if self.asked is not None and self.seen is None:
            self.seen = self.stock

    def read(self, *_):
        if self.asked is not None and self.seen is not None:
            self.reading, self.asked = ErpReading(units(self.seen), Instant(self.asked)), None

    def target(self, store):
        accounts = [
            OpenAccount(
                e.store, "77", str(k), units(e.commitment), units(e.counted(CONFIRMED)), units(e.claim), NOTHING, Instant(0),
                tuple(RecentMove(units(-m["sold"]), m["state"], Instant(m["at"])) for m in e.moves),
            )
            for k, e in enumerate(self.entries)
        ]  # fmt: skip
        now = Instant(self.now)
        return sku_target("BOLT", store, self.reading, accounts, buffer=NOTHING, now=now).target // units(1)

    def free(self):
        """What may be promised: the ERP's stock now, less what it has not counted yet. Units that it has not given back
        yet don't count."""
        return self.stock - sum(max(0, e.commitment - e.at_erp()) + e.claim for e in self.entries)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["order", "order", "claim", "receive", "send", "send", "arrive", "arrive", "answer", "answer", "refuse",
             "ask", "ask", "look", "look", "read", "read"]
        ),
        st.integers(0, 2),
        st.integers(0, 5),
    ),
    max_size=60,
)  # fmt: skip


@given(STEPS)
def test_never_early_no_target_counts_a_unit_that_the_erp_has_not_shown(steps):
    erp = Erp()
    for step in steps:
        erp.step(*step)
        assert erp.target("us") == erp.target("eu") <= erp.free()
        assert erp.target("us") <= erp.reading.level // units(1)


@given(STEPS)
def test_when_all_is_told_and_read_the_target_is_what_is_free(steps):
    erp = Erp()
    for step in steps:
        erp.step(*step)
    for what in ("order", "send", "arrive", "answer") * 2:
        for which, entry in enumerate(erp.entries):
            erp.step(what, which, entry.commitment)
    for what in ("ask", "look", "read"):
        erp.step(what, 0, 0)
    assert erp.target("us") == erp.free() == erp.stock - sum(entry.claim for entry in erp.entries)


@given(STEPS, st.integers(0, 2))
def test_doubt_lowers_what_is_committed_since_an_old_reading_always_lowers_the_target(steps, which):
    """The last ERP reading less everything committed since is a valid lower bound at any age."""
    erp = Erp()
    for step in steps:
        erp.step(*step)
    before = erp.target("us")
    entry = erp.entries[which]
    free = erp.free()
    erp.step("order", which, entry.commitment + 3)
    assert erp.target("us") <= before
    assert erp.target("us") <= free


def test_untold_is_never_negative():
    assert untold(account(0, 5), READING) == 0
