"""From commitments to moves: DIFFERENCE and KEY.

A move is never edited. What was sent may have been counted, so it stays in the sum until the ERP has said otherwise; what
was never sent is voided in the same transaction that plans its successor, so at every moment at most one unsent move of
an account exists, and the moves that may count add up to what the state read last commits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from syncd.core.account import COUNTED, Account
from syncd.core.quantity import Quantity

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(high + low for high in _BASE32 for low in _BASE32)  # the standard library takes four times as long
KEY_CHARACTERS_MAX = 35  # the shortest key that the ERPs we know store whole

INTENDED, SENT, CONFIRMED, REFUSED, VOID = "intended", "sent", "confirmed", "refused", "void"


class LiveMove(msgspec.Struct, frozen=True):
    """A move that isn't settled: intended or sent. `change` is signed as the stock moves: a sale is negative."""

    line: str
    n: int
    part: int
    change: Quantity
    state: str


class NewMove(msgspec.Struct, frozen=True):
    """A move to be planned: the `n`-th of its line."""

    line: str
    n: int
    part: int
    sku: str
    location: str
    change: Quantity
    rule: str


class Plan(msgspec.Struct, frozen=True):
    """What DIFFERENCE asks for: unsent moves to void as (line, n), new moves, and each line's number of moves after it."""

    void: tuple[tuple[str, int], ...]
    new: tuple[NewMove, ...]
    counts: tuple[tuple[str, int], ...]


def difference(accounts: Sequence[Account], live: Iterable[LiveMove], moves: dict[str, int]) -> Plan:
    """DIFFERENCE: new moves = commitment - (confirmed + possibly sent).

    `accounts` are the accounts to look at, `live` the unsettled moves of the same order, `moves` how many moves each line
    has had (KEY: n counts the moves of the line, over all products and components).
    """
    waiting: dict[tuple[str, int], list[LiveMove]] = {}
    for entry in live:
        waiting.setdefault((entry.line, entry.part), []).append(entry)
    void: list[tuple[str, int]] = []
    new: list[NewMove] = []
    counts: dict[str, int] = {}
    for row in accounts:
        if row.state != COUNTED:
            continue
        missing = row.commitment - row.confirmed
        mine = waiting.get((row.line, row.part)) if waiting else None
        if mine:
            missing += sum(entry.change for entry in mine if entry.state == SENT)
            unsent = [entry for entry in mine if entry.state == INTENDED]
            if len(unsent) == 1 and -unsent[0].change == missing:
                continue
            void.extend((entry.line, entry.n) for entry in unsent)
        if missing:
            n = counts.get(row.line, moves.get(row.line, 0))
            counts[row.line] = n + 1
            new.append(NewMove(row.line, n, row.part, row.sku, row.location, Quantity(-missing), row.rule))
    return Plan(tuple(void), tuple(new), tuple(counts.items()))


def with_questions(plan: Plan, accounts: Iterable[Account], live: Iterable[LiveMove], moves: dict[str, int]) -> Plan:
    """`plan`, and for each counted line that has nothing on its way a move by 0: it is never sent, only asked for. Where the
    ledger was restored, the ERP may hold what it has forgotten under the line's next keys."""
    busy = {entry.line for entry in live} | {entry.line for entry in plan.new}
    new, counts = list(plan.new), dict(plan.counts)
    for row in accounts:
        if row.line in busy or row.state != COUNTED or not row.sku:
            continue
        busy.add(row.line)
        n = counts.get(row.line, moves.get(row.line, 0))
        counts[row.line] = n + 1
        new.append(NewMove(row.line, n, row.part, row.sku, row.location, Quantity(0), "asked after a restore"))
    return Plan(plan.void, tuple(new), tuple(counts.items()))


def move_key(tenant: str, store: str, order: str, line: str, n: int) -> str:
    """KEY: the name under which the ERP knows the `n`-th move of a line, for ever the same.

    Short and plain enough for every ERP: "sy-" and 26 characters of a-z and 2-7. Never a quantity or a time in it: sell 1,
    restock 1, sell 1 are three moves.
    """
    return short_key("sy-", f"{tenant}/{store}/{order}/{line}/{n}")


def short_key(prefix: str, name: str) -> str:
    """The prefix and 26 characters of a-z and 2-7 that stand for this name alone."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    bits = int.from_bytes(digest, "big") << 2  # 130 of them: thirteen pairs of base32's characters
    return prefix + "".join([_PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])
