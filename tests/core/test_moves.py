"""From accounts to moves: DIFFERENCE and KEY, by examples and over random histories."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from syncd.core.account import COUNTED, IGNORED, QUARANTINED, Account
from syncd.core.moves import (
    CONFIRMED,
    INTENDED,
    KEY_CHARACTERS_MAX,
    REFUSED,
    SENT,
    VOID,
    LiveMove,
    NewMove,
    difference,
    move_key,
)
from syncd.core.order import Phase
from syncd.core.policy import CountOn, OnCancel, Returns, counts
from syncd.core.quantity import UNIT, Quantity, units
from syncd.core.taking_rule import TakingRule
from tests.core.orders_by_hand import FOLDED, WITNESSED, Told, book, line


def counted(commitment, confirmed=0, *, name="a", part=0, state=COUNTED):
    return Account(
        name, part, "1", "1", "BOLT", "main", units(1), lead=True, commitment=units(commitment),
        confirmed=units(confirmed), state=state, rule="placed",
    )  # fmt: skip


def live(n, sold, state, *, name="a", part=0):
    return LiveMove(name, n, part, units(-sold), state)


def planned(plan):
    return [(move.line, move.n, move.part, -move.change // units(1)) for move in plan.new]


def test_difference_plans_what_is_missing_and_signs_it_as_the_stock_moves():
    plan = difference([counted(3)], (), {})
    assert plan.new == (NewMove("a", 0, 0, "BOLT", "main", units(-3), "placed"),)
    assert plan.counts == (("a", 1),)


def test_difference_a_commitment_that_falls_gives_back():
    assert planned(difference([counted(1, 3)], (), {"a": 1})) == [("a", 1, 0, -2)]


def test_difference_what_is_told_needs_no_move():
    assert difference([counted(3, 3)], (), {"a": 1}).new == ()


def test_difference_what_was_sent_may_have_been_counted():
    assert planned(difference([counted(5)], [live(0, 3, SENT)], {"a": 1})) == [("a", 1, 0, 2)]
    assert planned(difference([counted(0)], [live(0, 3, SENT)], {"a": 1})) == [("a", 1, 0, -3)]


def test_difference_an_unsent_move_is_voided_with_its_successor():
    plan = difference([counted(5)], [live(0, 3, INTENDED)], {"a": 1})
    assert (plan.void, planned(plan)) == ((("a", 0),), [("a", 1, 0, 5)])


def test_difference_an_unsent_move_that_is_not_needed_any_more_is_voided_alone():
    plan = difference([counted(0)], [live(0, 3, INTENDED)], {"a": 1})
    assert (plan.void, plan.new) == ((("a", 0),), ())


def test_difference_an_unsent_move_that_still_fits_stays():
    plan = difference([counted(3)], [live(0, 3, INTENDED)], {"a": 1})
    assert (plan.void, plan.new, plan.counts) == ((), (), ())


def test_difference_a_quarantined_account_waits_for_its_release():
    assert difference([counted(3, state=QUARANTINED)], (), {}).new == ()


def test_difference_looks_at_each_product_and_component_by_itself():
    plan = difference([counted(3), counted(2, part=1)], [live(0, 3, SENT)], {"a": 1})
    assert planned(plan) == [("a", 1, 1, 2)]


def test_key_n_counts_the_moves_of_the_line_over_all_its_products_and_components():
    plan = difference([counted(3), counted(2, part=1), counted(1, name="b")], (), {"a": 4})
    assert planned(plan) == [("a", 4, 0, 3), ("a", 5, 1, 2), ("b", 0, 0, 1)]
    assert dict(plan.counts) == {"a": 6, "b": 1}


def test_key_selling_one_restocking_one_and_selling_one_are_three_moves():
    keys = {move_key("t", "s", "77", "a", n) for n in range(3)}
    assert len(keys) == 3


def test_key_is_the_same_for_ever():
    """Moves stand in the ERP under these names: a change here would post every one of them again."""
    assert move_key("acme", "us", "1001", "5", 0) == "sy-ktzv53hdleb3mebyavpwrotdae"


NAMES = st.text(min_size=1, max_size=40)


@given(NAMES, NAMES, NAMES, NAMES, st.integers(0, 10**6))
def test_key_is_short_and_plain_enough_for_every_erp(tenant, store, number, name, n):
    key = move_key(tenant, store, number, name, n)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", key)
    assert len(key) <= KEY_CHARACTERS_MAX


LINES = st.builds(
    lambda product, name, quantity, restocked, shipped, reduced: line(
        quantity, product, name, restocked=min(restocked, quantity), shipped=min(shipped, quantity), reduced=reduced
    ),
    st.sampled_from(["1", "2", "3", "5", "6"]), st.sampled_from("abc"), st.integers(0, 4),
    st.sampled_from([0, 0, 1, 4]), st.sampled_from([0, 0, 1, 4]), st.integers(0, 4),
)  # fmt: skip
STATES = st.lists(LINES, max_size=3, unique_by=lambda of: of.line)


class OneOrder(RuleBasedStateMachine):
    """One order's states, read with repeats and gaps, and its moves under way: planned, sent, confirmed, refused, come back
    unsent. The ledger's part (store what came out) is modelled in a few lines; the rules are the real ones."""

    def __init__(self):
        super().__init__()
        self.terms: dict[str, Any] = {"count_on": CountOn.PLACED, "returns": Returns.STORE}
        self.told = Told(book())
        self.counts: dict[str, int] = {}
        self.state: dict[tuple[str, int], str] = {}
        self.entries: dict[tuple[str, int], NewMove] = {}

    @initialize(
        count_on=st.sampled_from(CountOn), on_cancel=st.sampled_from(OnCancel), returns=st.sampled_from(Returns),
        taking=st.sampled_from([FOLDED, WITNESSED, TakingRule(edits_adjust=False, cancel_returns=False)]),
    )  # fmt: skip
    def begin(self, count_on, on_cancel, returns, taking):
        self.terms = {"count_on": count_on, "on_cancel": on_cancel, "returns": returns}
        self.told = Told(book(taking, **self.terms))

    @rule(phase=st.sampled_from(Phase), lines=STATES)
    def read_a_state(self, phase, lines):
        self.told.read(phase, *(() if phase is Phase.GONE else lines))
        self.plan(self.told.rows.values())
        if counts(phase, self.terms["count_on"]) and self.terms["returns"] is Returns.STORE:
            for of in lines:
                rows = [row for row in self.told.rows.values() if (row.line, row.product) == (of.line, of.product)]
                told = max(of.quantity, of.shipped) - of.restocked
                for row in rows:
                    assert row.state == IGNORED or row.commitment == told * row.factor // UNIT

    @rule()
    def plan_again(self):
        """Nothing was read: nothing is planned, but for moves that came back beside their successor."""
        self.plan(self.told.rows.values())
        known = len(self.entries)
        self.plan(self.told.rows.values())
        assert len(self.entries) == known

    @rule(taking=st.sampled_from([FOLDED, WITNESSED]), kits=st.sampled_from([{}, {"BOLT": (("NUT", units(3)),)}]))
    def change_the_configuration(self, taking, kits):
        """PIN: maps and settings change; what was pinned doesn't."""
        self.told.book = book(taking, kits=kits, **self.terms)

    def plan(self, rows):
        unsettled = [
            LiveMove(move.line, move.n, move.part, move.change, self.state[key])
            for key, move in self.entries.items()
            if self.state[key] in (INTENDED, SENT)
        ]
        plan = difference(list(rows), unsettled, self.counts)
        for key in plan.void:
            assert self.state[key] == INTENDED  # nothing that left is ever taken for unsent
            self.state[key] = VOID
        for move in plan.new:
            key = (move.line, move.n)
            assert key not in self.state  # KEY: never reused
            self.state[key], self.entries[key] = INTENDED, move
        self.counts.update(plan.counts)
        for place, row in self.told.rows.items():
            if row.state == COUNTED:
                assert len([key for key in self.of(place) if self.state[key] == INTENDED]) <= 1

    def of(self, place):
        return [key for key, move in self.entries.items() if (move.line, move.part) == place]

    def some(self, state, draw):
        found = sorted(key for key, at in self.state.items() if at == state)
        return found[draw % len(found)] if found else None

    @rule(draw=st.integers(0, 9))
    def send(self, draw):
        if (key := self.some(INTENDED, draw)) is not None:
            self.state[key] = SENT

    @rule(draw=st.integers(0, 9), share=st.sampled_from([1, 1, 1, 0]))
    def confirm(self, draw, share):
        """The ERP has it, or holds other content under the key: that counts, and the rest is planned anew."""
        if (key := self.some(SENT, draw)) is None:
            return
        move = self.entries[key]
        found = Quantity(move.change * share)
        self.state[key], self.entries[key] = CONFIRMED, msgspec.structs.replace(move, change=found)
        place = (move.line, move.part)
        row = self.told.rows[place]
        self.told.rows[place] = msgspec.structs.replace(row, confirmed=Quantity(row.confirmed - found))
        if found != move.change:
            self.plan(self.told.rows.values())

    @rule(draw=st.integers(0, 9))
    def refuse(self, draw):
        if (key := self.some(SENT, draw)) is not None:
            self.state[key] = REFUSED
            place = (self.entries[key].line, self.entries[key].part)
            self.told.rows[place] = msgspec.structs.replace(self.told.rows[place], state=QUARANTINED)

    @rule()
    def release_what_was_refused(self):
        for key, at in self.state.items():
            place = (self.entries[key].line, self.entries[key].part)
            if at == REFUSED and self.told.rows[place].state == QUARANTINED:
                self.told.rows[place] = msgspec.structs.replace(self.told.rows[place], state=COUNTED)
        self.plan(self.told.rows.values())

    @rule(draw=st.integers(0, 9))
    def find_that_it_never_arrived(self, draw):
        """Asked by key after its request was dead, and absent: the very same key waits to be sent again."""
        if (key := self.some(SENT, draw)) is not None:
            self.state[key] = INTENDED

    @invariant()
    def once(self):
        """DIFFERENCE: confirmed + possibly sent + intended is the commitment of the state read last, in each account."""
        for place, row in self.told.rows.items():
            live = [key for key in self.of(place) if self.state[key] in (INTENDED, SENT, CONFIRMED)]
            confirmed = [key for key in live if self.state[key] == CONFIRMED]
            assert row.confirmed == -sum(self.entries[key].change for key in confirmed)
            if row.state == COUNTED:
                assert row.commitment == -sum(self.entries[key].change for key in live), row


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(max_examples=80, stateful_step_count=40)
