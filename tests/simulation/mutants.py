"""Named safeguards, each taken out of the daemon by a hand that only tests have, and the scripts that aim at them.

A mutant is put in by replacing functions of syncd while one script is played, in a process of its own. `aim` makes the script:
the faults and people that need the safeguard, and knobs that turn down the other safeguards behind it. The same scripts
without the mutant must hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio.lowlevel

from syncd.reconcile import publish_step
from tests.simulation import taken_out, taken_out_calls, world
from tests.simulation.crowds import PEOPLE
from tests.simulation.play import Outcome, play
from tests.simulation.script import (
    FIRST_SECONDS,
    HOOKED_PROPAGATION_SECONDS,
    PROPAGATION_SECONDS,
    SKUS,
    STORES,
    Script,
    Step,
)

STORY_SECONDS = 400.0
PATIENCE_SECONDS = 1_200.0  # after the story: nothing that these scripts do takes longer to mend
BIG = STORES[:2]
ERP_LOSES = (("erp_error_after", "erp"), ("erp_timeout_after", "erp"), ("erp_reset_after", "erp"))
NO_OVERLAP = {"overlap_seconds": 0.0, "overlap_long_seconds": 0.0}
NO_SWEEP = {"sweep_seconds": 1e6}


@dataclass(frozen=True)
class Mutant:
    """A safeguard, what taking it out means, and what aims at it. `at`: when the first fault strikes; the next one comes
    `every` seconds after it at most, unless there is to be but one (`once`)."""

    name: str
    without: str
    patch: Callable[[], taken_out.Patch]
    dials: tuple[tuple[str, str], ...] = ()
    people: str = "town"
    knobs: dict[str, Any] = field(default_factory=dict)
    counting_erp: bool = True
    mode: str = "live"
    at: float = FIRST_SECONDS
    seconds: tuple[float, float] = (60.0, 150.0)
    every: float = 60.0
    once: bool = False
    story_seconds: float = STORY_SECONDS
    skews: dict[str, float] = field(default_factory=dict)
    slow_ledger: float = 0.05
    hooks: bool = False


def aim(mutant: Mutant, seed: int) -> Script:
    """A script that needs the safeguard: its faults, one after the other, and its people."""
    random = Random(f"{mutant.name} {seed}")
    steps: list[Step] = []
    at = mutant.at
    while mutant.dials and at < mutant.story_seconds - 20.0:
        dial, host = random.choice(mutant.dials)
        seconds = round(random.uniform(*mutant.seconds), 3)
        steps.append(Step(at, "fault", {"dial": dial, "host": host, "seconds": seconds, "draw": random.random()}))
        at = mutant.story_seconds if mutant.once else at + seconds + random.uniform(5.0, mutant.every)
    steps += [step for step in PEOPLE[mutant.people](random, mutant.story_seconds) if step.at < mutant.story_seconds]
    return Script(
        seed=seed,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
        opening={**dict.fromkeys(SKUS, 60), "hot": 15, "mug": 400},
        skews=mutant.skews,
        mode=mutant.mode,
        counting_erp=mutant.counting_erp,
        slow_ledger=mutant.slow_ledger,
        story_seconds=mutant.story_seconds,
        knobs=mutant.knobs,
        hooks=mutant.hooks,
        propagation_seconds=HOOKED_PROPAGATION_SECONDS if mutant.hooks else PROPAGATION_SECONDS,
    )


MUTANTS: tuple[Mutant, ...] = (
    # -- the ERP is told exactly once
    Mutant("ask before sending again", "a move in doubt is simply sent again", taken_out.not_asked, ERP_LOSES),
    Mutant("absent proves nothing before the request is dead", "what the ERP doesn't know yet is sent again at once",
           taken_out.dead_at_once, (("erp_late", "erp"),)),
    Mutant("the same key again", "what is sent again has another key", taken_out.another_key, (("erp_too_late", "erp"),),
           counting_erp=False, seconds=(100.0, 110.0), once=True),
    Mutant("key per move", "a key names line and quantity", taken_out.key_by_quantity, people="seesaw",
           counting_erp=False, knobs={"poll_seconds": 15.0}),
    Mutant("sent is on disk before it leaves", "a move is marked when its answer comes", taken_out.sent_before_written,
           (("kill_at_write", "syncd"),), seconds=(5.0, 20.0), every=50.0),
    Mutant("what a dead process has sent is asked for", "it is sent again", taken_out.sent_by_the_dead,
           (("kill_at_write", "syncd"),), seconds=(5.0, 20.0), every=50.0),
    Mutant("sent moves stay in the sum", "what was sent and not confirmed is planned anew", taken_out.forget_sent,
           (("erp_very_late", "erp"),), people="seesaw", seconds=(250.0, 260.0)),
    Mutant("unsent moves are voided", "a planned move goes out though its order changed", taken_out.never_void,
           (("erp_unavailable", "erp"),), people="seesaw", at=135.0, seconds=(150.0, 200.0)),
    Mutant("untold kept after a refusal", "a refused move counts as told", taken_out.forget_refused,
           (("erp_refuses", "erp"),), people="seesaw", seconds=(200.0, 250.0)),
    # -- what is read
    Mutant("one transaction for cursor and orders", "how far all was read goes to disk first", taken_out.cursor_first,
           (("kill_at_orders", "syncd"),), people="trickle", knobs={**NO_OVERLAP, "settle_seconds": 0.0},
           seconds=(100.0, 150.0), every=20.0),
    Mutant("overlap", "a scan begins exactly at the cursor", taken_out.no_overlap, (("late_orders_long", "alpha"),),
           people="trickle", seconds=(200.0, 250.0)),
    Mutant("settling", "the cursor follows the newest order at once", taken_out.no_settling, (("late_orders_settle", "alpha"),),
           people="stream", knobs=NO_OVERLAP, seconds=(200.0, 250.0), story_seconds=330.0),
    Mutant("restart only if the bound moves", "after each full page the scan starts again", taken_out.always_restart,
           people="burst", knobs={"page_max": 4}),
    Mutant("content hash", "an order with the same stamp is the same", taken_out.by_stamp_alone,
           tuple(("silent_edits", store) for store in STORES), people="seesaw"),
    Mutant("fence by reading", "an older reading of an order overwrites a newer one", taken_out.fence_ignored,
           (("operator_reads", "alpha"),), people="looked at", at=180.0, seconds=(30.0, 30.0), once=True,
           story_seconds=300.0, knobs={**NO_OVERLAP, **NO_SWEEP, "poll_seconds": 3.0, "settle_seconds": 0.0}),
    Mutant("gone is asked for twice", "an order that is not found at once is gone",
           taken_out.gone_at_first_sight, (("hidden_orders", "alpha"),), people="few", at=250.0, once=True, seconds=(50.0, 55.0),
           knobs={**NO_OVERLAP, "sweep_seconds": 60.0}),
    Mutant("brake for gone orders", "whatever a shop hides is gone", taken_out.no_brake_for_gone,
           (("hidden_orders", "alpha"),), people="many", at=250.0, once=True, seconds=(140.0, 145.0),
           knobs={**NO_OVERLAP, "sweep_seconds": 60.0}),
    Mutant("the shop's clock is measured", "its stamps are taken for ours", taken_out.one_clock_for_all, people="crowd",
           skews={"alpha": 38.0, "beta": -38.0, "woo": 38.0}),
    # -- the ledger
    Mutant("decide inside the transaction", "moves follow from rows that were read when the request began", taken_out.decided_before,
           (("erp_slow", "erp"),), every=10.0, people="growing", knobs={"poll_seconds": 2.0}, slow_ledger=1.0, story_seconds=360.0),
    Mutant("a failed group is run again", "what a bad unit rolled back counts as done", taken_out.group_not_run_again,
           (("bad_units", "syncd"),), slow_ledger=0.5),
    Mutant("a bad unit leaves nothing behind", "what it did before its error is committed with the others",
           taken_out.half_a_unit_stays, (("bad_units", "syncd"),), slow_ledger=0.5),
    Mutant("pinned SKU", "a line is counted by the SKU that it shows now", taken_out.sku_as_shown, (("renamed", "woo"),),
           people="renamed", at=200.0, seconds=(150.0, 150.0), once=True),
    Mutant("baseline", "every order is new", taken_out.all_new, people="early birds", story_seconds=200.0),
    Mutant("restock-only refunds", "every refund gives a unit back", taken_out.every_refund_restocks, people="refunds"),
    # -- what shops call in
    Mutant("2xx when it is on disk", "a call is answered before it is written down", taken_out_calls.answered_at_once,
           (("kill_at_hook", "syncd"),), people="trickle", seconds=(20.0, 40.0), every=30.0, slow_ledger=1.0, hooks=True),
    Mutant("a signal stays until its order is on disk", "it goes when its order is about to be read",
           taken_out_calls.cleared_first, (("kill_at_named", "syncd"),), people="trickle", seconds=(20.0, 40.0), every=30.0,
           hooks=True),
    Mutant("who calls knows the secret", "any call is believed", taken_out_calls.anybody_is_believed,
           (("hooks_forged", "syncd"),), hooks=True, story_seconds=260.0),
    Mutant("webhooks are looked after", "they are made once", taken_out_calls.made_once,
           tuple((dial, store) for dial in ("hook_off", "hook_gone", "hook_moved") for store in STORES),
           once=True, at=180.0, seconds=(1.0, 1.0), hooks=True, story_seconds=260.0),
    Mutant("an order that waits has its pause", "it is read again at once", taken_out_calls.no_pause,
           (("torn_orders", "alpha"),), people="trickle", seconds=(100.0, 130.0), every=6.0, hooks=True),
    # -- levels
    Mutant("upper bound of belief", "levels are computed from the lower end, doubt or not", taken_out.lower_bound,
           people="lossy"),
    Mutant("lowering under doubt", "nothing is written while the ERP is away", taken_out.doubt_freezes,
           (("erp_down", "erp"),), people="buyers", seconds=(500.0, 510.0), once=True, story_seconds=640.0),
    Mutant("never raising early", "what was cancelled is on sale at once", taken_out.raise_early, (("erp_refuses", "erp"),),
           people="regret", at=450.0, seconds=(130.0, 150.0), once=True, story_seconds=620.0),
    Mutant("claims", "what a shop has taken for an unpaid order is on sale elsewhere", taken_out.no_claims,
           people="payers", knobs={"count_on": "paid"}),
    Mutant("claims end", "what was reserved for a cancelled order stays so", taken_out.claims_for_ever,
           people="no payers", knobs={"count_on": "paid"}),
    Mutant("orphaned writes are in doubt", "a write whose end nobody saw did nothing", taken_out.orphans_did_nothing,
           (("kill_at_level", "syncd"),), people="deliveries", seconds=(60.0, 90.0), every=300.0),
    Mutant("unclear writes are in doubt", "a write without an answer did nothing", taken_out.unclear_did_nothing,
           people="lossy"),
    Mutant("not-after", "an old level is sent when the process wakes", taken_out.never_too_late,
           (("freeze_at_level", "syncd"),), people="delivered", at=154.0, seconds=(340.0, 350.0), once=True,
           story_seconds=560.0),
    Mutant("shadow", "levels and moves leave in shadow mode", taken_out.writes_in_shadow, mode="shadow",
           story_seconds=260.0),
)  # fmt: skip
NAMED = {mutant.name: mutant for mutant in MUTANTS}


def play_mutant(task: tuple[str, int, bool], **how: Any) -> Outcome:
    """Play an aimed script, with the mutant or (to see that the script itself holds) without. In a process of its own."""
    name, seed, put_in = task
    mutant = NAMED[name]
    plain_send = publish_step.PublishStep._send

    def prepare(place: Any) -> None:
        async def send(self: Any, planned: Any) -> None:
            place.fate.sending()
            await anyio.lowlevel.checkpoint()
            await plain_send(self, planned)

        publish_step.PublishStep._send = send  # type: ignore[method-assign]
        world.PATIENCE_SECONDS = PATIENCE_SECONDS
        for where, attribute, instead in mutant.patch() if put_in else ():
            setattr(where, attribute, instead)

    again = f"{seed} --mutant {name!r}{'' if put_in else ' --control'}"
    return play(aim(mutant, seed), prepare=prepare, again=again, **how)


def play_task(task: tuple[str, int, bool]) -> tuple[tuple[str, int, bool], Outcome]:
    """`play_mutant`, with the task beside its outcome."""
    return task, play_mutant(task)
