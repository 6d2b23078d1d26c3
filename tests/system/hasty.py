"""`syncd run` with little patience: every time-out that a test would have to sit out is some seconds long here."""

from __future__ import annotations

import os
import sys
from typing import Any

from syncd import app, daemon
from syncd.cli import main
from syncd.core.quantity import SECOND
from syncd.ledger import alerts
from syncd.reconcile import plan_write, post_step
from syncd.transport.limits import Limits

NOT_AFTER_SECONDS = 1.5  # of a level that was decided
GIVE_UP_SECONDS = 2.0  # of a request
WORST_SECONDS = 5.0  # turn and answer together
INTERVAL_VARIABLE = (
    "HASTY_INTERVAL_SECONDS"  # between two requests; long ones leave room to catch a decision before it leaves
)
LOOK_SECONDS = 0.5  # at the clock


def hasty_limits(**given: Any) -> Limits:
    """The limits that were asked for, with short time-outs and a spacing of ours."""
    given["interval_default_seconds"] = float(os.environ.get(INTERVAL_VARIABLE, "0.02"))
    return Limits(**given, read_seconds=GIVE_UP_SECONDS, total_seconds=GIVE_UP_SECONDS)


def run() -> int:
    """The daemon; its arguments are those of `syncd`."""
    plan_write.NOT_AFTER_SECONDS = NOT_AFTER_SECONDS
    post_step.SENDING_SECONDS = WORST_SECONDS
    daemon.CLOCK_LOOK_SECONDS = LOOK_SECONDS
    vars(alerts)["SPACING_US"] = SECOND
    vars(app)["Limits"] = hasty_limits
    return main()


if __name__ == "__main__":
    sys.exit(run())
