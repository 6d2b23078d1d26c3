"""The faults, each a named dial: on which hosts it may strike, for how long, and what it turns.

Their strength stays within what the world has promised the daemon in its configuration (settling, lateness, staleness): a
platform that breaks its promises can't be survived, only noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BIG = ("alpha", "beta")
SHOPS = ("alpha", "beta", "woo")
ERP = ("erp",)
ALL = (*SHOPS, "erp")
SYNCD = ("syncd",)


@dataclass(frozen=True)
class Dial:
    """One kind of fault. `turn` are the simulator's dials that it sets; an empty one is played by the world itself."""

    name: str
    hosts: tuple[str, ...]
    seconds: tuple[float, float]
    turn: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    outlasts: bool = False
    is_kill: bool = False
    calls: bool = False  # of the shops' webhooks: but for a kill it excuses nothing, as polling goes on


def _calls(name: str, hosts: tuple[str, ...], seconds: tuple[float, float], turn: dict[str, Any] | None = None) -> Dial:
    return Dial(name, hosts, seconds, turn or {}, calls=True)


_LIST = (
    # -- what an answer may be
    Dial("latency", SHOPS, (60, 400), {"latency_seconds": (0.1, 4.0)}),
    Dial("slow", SHOPS, (60, 300), {"slow": 0.2, "slow_seconds": 40.0}),
    Dial("too_many", SHOPS, (30, 200), {"too_many_bare": 0.4, "too_many_retry_after": 0.2}),
    Dial("error_500", SHOPS, (30, 300), {"error_500": 0.4}),
    Dial("gateway", SHOPS, (30, 300), {"error_502": 0.2, "error_503": 0.2, "error_504": 0.2}),
    Dial("html", SHOPS, (30, 300), {"html_200": 0.3, "html_503": 0.2}),
    Dial("php_notice", ("woo",), (30, 300), {"php_notice": 0.4}),
    Dial("truncated", SHOPS, (30, 300), {"truncated": 0.3}),
    Dial("reset_before", SHOPS, (30, 300), {"reset": 0.3}),
    Dial("lost_504", SHOPS, (60, 400), {"lost_answer": 0.6, "lost_answer_by": "504"}),
    Dial("lost_500", SHOPS, (60, 400), {"lost_answer": 0.6, "lost_answer_by": "500"}),
    Dial("lost_reset", SHOPS, (60, 400), {"lost_answer": 0.6, "lost_answer_by": "reset"}),
    Dial("lost_hang", SHOPS, (60, 400), {"lost_answer": 0.5, "lost_answer_by": "hang", "hang_seconds": 120.0}),
    # -- what a list of orders may be
    Dial("ignored_filters", SHOPS, (30, 200), {"ignored_filters": 0.5}),
    Dial("shuffled_ties", SHOPS, (100, 600), {"shuffled_ties": 1.0}),
    Dial("moving_orders", SHOPS, (100, 600), {"move_order_every": 2}),
    Dial("torn_orders", SHOPS, (100, 600), {"torn_orders": 0.6, "torn_seconds": (0.5, 8.0)}, weight=1.5),
    Dial("late_orders", BIG, (100, 600), {"late_orders_seconds": (0.0, 8.0)}),
    Dial("stale_orders", BIG, (100, 600), {"stale_orders_seconds": 8.0}),
    Dial("silent_edits", SHOPS, (200, 800), {"silent_edits": 0.7}),
    Dial(
        "server_skew", ("woo",), (100, 600), {"server_skew_seconds": (-1.0, 1.0)}
    ),  # more than that, belief is not made for
    # -- what a level may be
    Dial("stale_levels", BIG, (100, 600), {"stale_seconds": 4.5}),
    Dial("late_levels", BIG, (100, 800), {"apply_delay_seconds": (0.0, 4.5)}, weight=1.5),
    # -- the ERP
    Dial("erp_slow", ERP, (60, 400), {"latency_seconds": 8.0}),
    Dial("erp_down", ERP, (60, 900), {"down": True}, weight=2.0),
    Dial("erp_unavailable", ERP, (60, 600), {"unavailable": True}),
    Dial("erp_throttled", ERP, (30, 200), {"throttled": True, "retry_after_seconds": 20}),
    Dial("erp_html", ERP, (30, 200), {"html": True}),
    Dial("erp_error_before", ERP, (60, 400), {"error_before_rate": 0.6}),
    Dial("erp_error_after", ERP, (60, 400), {"error_after_rate": 0.6}, weight=2.0),
    Dial("erp_partial", ERP, (60, 400), {"partial_rate": 0.6}),
    Dial("erp_timeout_after", ERP, (60, 400), {"timeout_after_rate": 0.5, "hang_seconds": 100.0}, weight=1.5),
    Dial("erp_reset_after", ERP, (60, 400), {"reset_after_rate": 0.6}, weight=1.5),
    Dial("erp_late", ERP, (60, 400), {"late_rate": 0.5, "late_seconds": 25.0}, weight=1.5),
    Dial("erp_refuses", ERP, (60, 400), {"refused_skus": ["cup"]}),
    Dial("date_off", ERP, (60, 600)),  # its Date header goes wrong by minutes
    # -- the network
    Dial("net_slow", ALL, (60, 400)),
    Dial("net_loss", ALL, (60, 400)),  # packets come late, after they were sent again
    Dial("net_resets", SYNCD, (60, 300)),
    Dial("partition", ALL, (20, 500), weight=2.0),
    Dial("one_way", ALL, (20, 300)),  # requests arrive and their answers don't, or the other way round
    Dial("duplicate_requests", ERP, (60, 400)),  # a proxy sends postings twice (only to the ERP that knows keys)
    Dial("duplicate_reads", ALL, (60, 600)),  # what is asked for is asked for twice
    Dial("duplicate_levels", SHOPS, (60, 600)),  # a level is put twice; never a change by so many units
    # -- the daemon's machine
    Dial("kill", SYNCD, (1, 60), weight=2.5, is_kill=True),
    Dial("restart", SYNCD, (1, 60), weight=1.5, is_kill=True),  # asked to stop, and started again
    Dial("kill_machine", SYNCD, (1, 200), weight=1.0, is_kill=True),
    Dial("kill_at_commit", SYNCD, (1, 60), weight=2.5, is_kill=True),
    Dial("kill_at_write", SYNCD, (1, 60), weight=2.5, is_kill=True),
    Dial("freeze", SYNCD, (20, 600)),
    Dial("freeze_hour", SYNCD, (3_600, 3_700), weight=0.3, outlasts=True),
    Dial("freeze_at_commit", SYNCD, (60, 300)),
    Dial("clock_jump", SYNCD, (1, 100), weight=0.7, is_kill=True),  # the machine comes back with another time
    Dial("clock_step", SYNCD, (1, 100)),  # its wall clock is put right, or wrong, while the daemon lives
    Dial("shop_clock_step", SHOPS, (60, 300), weight=1.5),  # a shop's clock is put right, or wrong, and stays so
    # -- the shops' calls: only where shops call
    _calls("hooks_lost", SHOPS, (60, 600), {"webhook_lost": 0.5}),
    _calls("hooks_repeated", SHOPS, (60, 600), {"webhook_repeated": 0.6}),
    _calls("hooks_late", SHOPS, (60, 600), {"webhook_late": 0.5, "webhook_late_seconds": (30.0, 300.0)}),
    _calls("hooks_shuffled", SHOPS, (60, 600), {"webhook_seconds": (0.0, 45.0)}),  # later ones overtake earlier ones
    _calls("hooks_wrong_secret", SHOPS, (60, 400), {"webhook_wrong_secret": 0.4}),
    _calls("hooks_cut", SHOPS, (30, 400)),  # nothing comes through to the listener, or no answer back; the rest does
    _calls("hook_off", SHOPS, (1, 1)),  # somebody, or the platform, switches the shop's webhooks off
    _calls("hook_gone", SHOPS, (1, 1)),  # somebody deletes them
    _calls("hook_moved", SHOPS, (1, 1)),  # somebody has them call another address
    _calls("hooks_forged", SYNCD, (30, 200)),  # a stranger calls who doesn't know the secret
    _calls("hooks_replayed", SYNCD, (30, 200)),  # somebody sends genuine calls again
    _calls("inbox_full", SYNCD, (30, 300)),  # as many orders wait as may: calls are answered with 503
    Dial("kill_at_hook", SYNCD, (1, 60), is_kill=True, calls=True),  # a call was answered with 2xx
    Dial("kill_at_named", SYNCD, (1, 60), is_kill=True, calls=True),  # the order it spoke of was shown
    # -- aimed only: what the mutants need
    Dial("late_orders_settle", BIG, (100, 600), {"late_orders_seconds": (6.0, 18.0)}),
    Dial("late_orders_long", BIG, (100, 600), {"late_orders_seconds": (85.0, 95.0)}),
    Dial("erp_very_late", ERP, (60, 400), {"late_rate": 1.0, "late_seconds": 110.0}),
    Dial("erp_too_late", ERP, (60, 400), {"late_rate": 1.0, "late_seconds": 200.0}),  # later than it may be
    Dial("kill_at_orders", SYNCD, (1, 60), is_kill=True),
    Dial("kill_at_level", SYNCD, (1, 60), is_kill=True),
    Dial("freeze_at_level", SYNCD, (60, 300)),
    Dial("hidden_orders", SHOPS, (60, 300)),  # no order is to be found
    Dial("renamed", ("woo",), (60, 300)),  # a product has another SKU, and so have its old orders
    Dial("operator_reads", SHOPS, (30, 30)),
    Dial("bad_units", SYNCD, (60, 300)),
)
DIALS: dict[str, Dial] = {dial.name: dial for dial in _LIST}
CALM = frozenset(dial.name for dial in _LIST[[dial.name for dial in _LIST].index("late_orders_settle") :])
"""Dials that no seed draws by itself: the mutants' scripts aim them."""
