"""Where the time goes: CPU of named parts, measured around functions of the product while it runs.

Each thread has a stack of parts; a part's time is without that of the parts that it calls. Timing costs about a
microsecond a call, so a run with parts is not the run whose speed is told.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from sqlalchemy import Connection

from syncd.core import scan
from syncd.ledger import payloads
from syncd.ledger.writer import Writer
from syncd.observability.log import Log
from syncd.reconcile import order_step, order_unit
from syncd.stores.woocommerce import mapping
from syncd.stores.woocommerce.orders import WooCommerceOrders
from syncd.transport import Answer

OTHER_LOOP = "fetch, event loop"  # what is left of the loop's thread
OTHER_WRITER = "rows, plans"  # what is left of the writer's: the unit itself, without its decisions and its SQL

PARTS: Sequence[tuple[Any, str, str]] = (
    (Answer, "json", "decode, map"),
    (WooCommerceOrders, "_part", "decode, map"),
    (mapping, "blake2b", "hash"),
    (payloads, "compress", "compress"),
    (scan, "after_page", "scan"),
    (scan, "check", "scan"),
    (order_step.OrderStep, "after_commit", "log, memory"),
    (Log, "emit", "log, memory"),
    (order_unit, "account", "decide"),
    (order_unit, "difference", "decide"),
    (Writer, "_commit", "commit"),
)


@dataclass(slots=True)
class Parts:
    """Accumulated CPU nanoseconds by part."""

    spent_ns: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _stacks: threading.local = field(default_factory=threading.local)

    def wrap(self, owner: Any, name: str, part: str) -> None:
        """Measure `owner.name` as `part`. What isn't there any more is left out."""
        wrapped = getattr(owner, name, None)
        if wrapped is not None:
            setattr(owner, name, self.timed(wrapped, part))

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The function, measured."""
        spent, stacks, clock = self.spent_ns, self._stacks, time.thread_time_ns

        @wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            stack: list[int] | None = getattr(stacks, "inner", None)
            if stack is None:
                stack = stacks.inner = []
            stack.append(0)
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = clock() - began
                inner = stack.pop()
                spent[part] += took - inner
                if stack:
                    stack[-1] += took

        return measured


def measure_parts() -> Parts:
    """Wrap all that is measured, in this process, for good."""
    parts = Parts()
    for owner, name, part in PARTS:
        parts.wrap(owner, name, part)
    for name in ("execute", "exec_driver_sql"):
        parts.wrap(Connection, name, "SQL")
    parts.wrap(Writer, "write", OTHER_WRITER)
    return parts
