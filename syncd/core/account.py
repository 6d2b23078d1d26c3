"""The accounts of an order: what each of its lines should count in the ERP, and what the shop took for it.

An account belongs to a line, to the product that the line held, and to one component of it: a kit has an account for each
component, and a line whose product was swapped keeps the accounts of the old one, at 0. The first account of each product
in a line is its *lead*: it carries what the shop took.

`account` is the whole of the counting: from the state read last and the accounts as they were, the accounts as they are.
It never looks at events. PIN lives here too: an account that once counted keeps its SKU, factor and location for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from syncd.core.commitment import commitment
from syncd.core.order import Line, LineKind, Order, Phase
from syncd.core.policy import Policy, may_still_count
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity
from syncd.core.taking import Taking, TakingRule, take, take_back

COUNTED, QUARANTINED, IGNORED = "counted", "quarantined", "ignored"


class Account(msgspec.Struct, frozen=True, gc=False):
    """One component of one product in one line. `commitment`, `confirmed`, `claim` and `hold` are in the ERP's units,
    `quantity` and `taken` in the shop's; `factor` is ERP units per unit sold. `moves` counts the moves that the *line* ever
    had, and stands on its part 0."""

    line: str
    part: int
    product: str
    item: str
    sku: str
    location: str
    factor: Quantity
    lead: bool
    quantity: Quantity = ZERO
    commitment: Quantity = ZERO
    confirmed: Quantity = ZERO
    taken: Quantity = ZERO
    claim: Quantity = ZERO
    hold: Quantity = ZERO
    hold_until: Instant = Instant(0)
    state: str = COUNTED
    rule: str = ""
    moves: int = 0


class Product(msgspec.Struct, frozen=True, gc=False):
    """What the catalogue knows of a product: its stock item ("" if the shop doesn't count it) and its SKU."""

    item: str
    sku: str
    digital: bool = False


class LineTaking(msgspec.Struct, frozen=True):
    """A change of what the shop took from `item` for a line."""

    item: str
    line: str
    taking: Taking


class Problem(msgspec.Struct, frozen=True):
    """Why a line can't be counted, and what to do about it."""

    line: str
    reason: str
    hint: str


class Accounts(msgspec.Struct, frozen=True):
    """The outcome: accounts that are new or changed, changes of what was taken, lines to quarantine."""

    changed: tuple[Account, ...]
    takings: tuple[LineTaking, ...]
    problems: tuple[Problem, ...]


class Book(msgspec.Struct, frozen=True):
    """What `account` may ask: the tenant's policy, the shop's taking rule, its catalogue, the ERP's SKUs."""

    policy: Policy
    rule: TakingRule
    products: Mapping[str, Product]
    known: Callable[[str], bool]


def account(order: Order, before: Sequence[Account], book: Book, *, phase_before: Phase | None) -> Accounts:
    """The accounts after reading `order`, given all its accounts `before` and its phase then (None: first seen)."""
    if order.phase is Phase.GONE and phase_before in (Phase.COMPLETED, Phase.REFUNDED):
        return Accounts((), (), ())  # it was over; that its record was deleted brings nothing back
    by_line: dict[str, list[Account]] = {}
    for row in before:
        by_line.setdefault(row.line, []).append(row)
    counting = _Counting(order, book, phase_before)
    for line in order.lines:
        rows = by_line.pop(line.line, [])
        if rows or order.phase is not Phase.DRAFT:
            counting.line(line, rows)
    gone = order.phase is Phase.GONE
    for rows in by_line.values():
        for row in rows:
            counting.close(row, "the order is gone" if gone else "the line was removed", keep=gone)
    return Accounts(tuple(counting.changed), tuple(counting.takings), tuple(counting.problems))


class _Counting:
    """One state of one order while it is being counted: what has come out so far."""

    __slots__ = ("book", "changed", "order", "parents", "phase_before", "problems", "takings")

    def __init__(self, order: Order, book: Book, phase_before: Phase | None) -> None:
        self.order = order
        self.book = book
        self.phase_before = phase_before
        self.parents = {line.parent for line in order.lines if line.parent}
        self.changed: list[Account] = []
        self.takings: list[LineTaking] = []
        self.problems: list[Problem] = []

    def line(self, line: Line, rows: list[Account]) -> None:
        order, book = self.order, self.book
        line = _as_pinned(line, rows)
        mine = [row for row in rows if row.product == line.product and row.state != IGNORED]
        lead = next((row for row in mine if row.lead), None)
        added = not rows and self.phase_before is not None
        before = Phase.PENDING if added else self.phase_before
        taking = take(order, line, lead.taken if lead else ZERO, book.rule, before=before)
        shipped = _shipped_before(lead, self.phase_before)
        counted, rule = commitment(order, line, book.policy, taking.taken, shipped_before=shipped)
        if mine:
            mine = [_with_item(row, book) for row in mine]
        else:
            mine, problem = _open(line, rows, book, counted=counted != ZERO, is_parent=line.line in self.parents)
            if problem is not None:
                self.problems.append(problem)
        for row in mine:
            after = self.at(row, line, taking.taken, counted, rule)
            if after not in rows:
                self.changed.append(after)
            if row.lead and row.item and taking.matters:
                self.takings.append(LineTaking(row.item, line.line, taking))
        kept = {row.part for row in mine}
        for row in rows:
            if row.part not in kept and row.state != IGNORED:
                self.close(row, "another product is in the line", keep=False)

    def at(self, row: Account, line: Line, taken: Quantity, counted: Quantity, rule: str) -> Account:
        """The account at this state of its line."""
        order = self.order
        if row.state == IGNORED:
            return msgspec.structs.replace(row, quantity=line.quantity)
        committed = scaled(counted, row.factor)
        claim = ZERO
        if taken and may_still_count(order.phase, self.book.policy.count_on):
            claim = Quantity(max(ZERO, scaled(taken, row.factor) - committed))
        hold, until = ZERO, Instant(0)
        if order.phase is Phase.PENDING and order.hold_until is not None:
            hold, until = Quantity(max(ZERO, scaled(line.quantity, row.factor) - committed - claim)), order.hold_until
        return Account(
            row.line, row.part, row.product, row.item, row.sku, row.location, row.factor, row.lead, line.quantity,
            committed, row.confirmed, taken if row.lead else ZERO, claim, hold, until, row.state, rule, row.moves,
        )  # fmt: skip

    def close(self, row: Account, rule: str, *, keep: bool) -> None:
        """What is no longer in the order commits nothing; its taking falls too, unless nobody put it back."""
        taken = row.taken
        if row.lead and row.taken and not keep:
            taking = take_back(row.taken, self.book.rule)
            taken = taking.taken
            if row.item:
                self.takings.append(LineTaking(row.item, row.line, taking))
        after = msgspec.structs.replace(
            row, quantity=ZERO, commitment=ZERO, claim=ZERO, hold=ZERO, hold_until=Instant(0), taken=taken, rule=rule
        )
        if msgspec.structs.replace(after, rule=row.rule) != row:
            self.changed.append(after)


def _as_pinned(line: Line, rows: Sequence[Account]) -> Line:
    """PIN: a product that was deleted in the shop is no swap. The line then shows no product any more, or the parent of a
    deleted variation (WooCommerce refuses ids of deleted products when it reads an order's line)."""
    pinned = next((row.product for row in rows if row.quantity and row.state != IGNORED), "")
    if not pinned or line.product == pinned:
        return line
    if not line.product or pinned.startswith(f"{line.product}/"):
        kind = LineKind.STOCK if line.kind is LineKind.CUSTOM else line.kind
        return msgspec.structs.replace(line, product=pinned, kind=kind)
    return line


def _shipped_before(lead: Account | None, phase_before: Phase | None) -> Quantity:
    """Units that had left the house by the state before: a completed order's were shipped, restocked later or not."""
    if lead is None or phase_before not in (Phase.COMPLETED, Phase.REFUNDED):
        return ZERO
    return Quantity(lead.commitment * UNIT // lead.factor)


def scaled(quantity: Quantity, factor: Quantity) -> Quantity:
    """Units of a component in `quantity` units sold."""
    return quantity if factor == UNIT else Quantity(quantity * factor // UNIT)


def _open(
    line: Line, rows: list[Account], book: Book, *, counted: bool, is_parent: bool
) -> tuple[list[Account], Problem | None]:
    """New accounts for a product that the line didn't hold before: PIN happens here."""
    policy = book.policy
    product = book.products.get(line.product)
    item = product.item if product else ""
    part = 1 + max((row.part for row in rows if row.state != IGNORED), default=-1)
    moves = rows[0].moves if rows and part == 0 else 0
    why = _uncounted(line, product, is_parent=is_parent)
    if why:
        return [
            Account(line.line, part, line.product, item, line.sku, "", Quantity(UNIT), True, state=IGNORED, rule=why)
        ], None
    sku = line.sku or (product.sku if product else "")
    recipe = policy.recipe(sku) if sku else ()
    unknown = [name for name, _ in recipe if not book.known(name)]
    if recipe and not unknown:
        return [
            Account(line.line, part + k, line.product, item if k == 0 else "", name, policy.location, factor, k == 0,
                    moves=moves if k == 0 else 0)
            for k, (name, factor) in enumerate(recipe)
        ], None  # fmt: skip
    if product is not None and not product.item and not sku:
        why = "the shop counts no stock for it and it has no SKU"
        return [Account(line.line, part, line.product, "", "", "", Quantity(UNIT), True, state=IGNORED, rule=why)], None
    state = QUARANTINED if counted else IGNORED
    row = Account(
        line.line, part, line.product, item, sku, policy.location, Quantity(UNIT), True, state=state, moves=moves
    )
    if not counted:
        return [msgspec.structs.replace(row, rule="nothing to count yet, and its SKU is unknown")], None
    if not sku:
        return [row], Problem(
            line.line, f"product {line.product} has no SKU", "give it a SKU in the shop, then release"
        )
    return [row], Problem(
        line.line,
        f"the ERP has no SKU {', '.join(unknown)}",
        "create it in the ERP, or map it under [stores.NAME.skus] or [kits], then release",
    )


def _uncounted(line: Line, product: Product | None, *, is_parent: bool) -> str:
    """Why a line moves no stock by its kind; "" if it does."""
    if line.kind is LineKind.CUSTOM:
        return "custom line: no product"
    if line.kind is LineKind.DIGITAL or (product is not None and product.digital):
        return "digital: nothing to count"
    if line.kind is LineKind.BUNDLE or is_parent:
        return "bundle: its child lines are counted"
    return ""


def _with_item(row: Account, book: Book) -> Account:
    """A product that the catalogue didn't know when the line was first seen gets its stock item later."""
    if row.lead and not row.item:
        product = book.products.get(row.product)
        if product is not None and product.item:
            return msgspec.structs.replace(row, item=product.item)
    return row


def lowers_only(before: Iterable[Account], after: Iterable[Account]) -> bool:
    """Whether going from `before` to the changed accounts in `after` takes units away from sale and gives none back.

    Such a state may be acted on at once though it is unsettled: if it was torn, the next reading corrects it upwards.
    """
    had = {(row.line, row.part): row.commitment + row.claim + row.hold for row in before}
    return all(row.commitment + row.claim + row.hold >= had.get((row.line, row.part), 0) for row in after)
