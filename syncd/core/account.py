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

from syncd.core.commitment import SHIPPED, commitment, shipped_floor
from syncd.core.order import FINAL, Line, LineKind, Order, Phase
from syncd.core.policy import OnCancel, Policy, Returns, may_still_count
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity
from syncd.core.taking import UNSEEN, Earlier, Taking, put_back, take, take_back
from syncd.core.taking_rule import TakingRule

COUNTED, QUARANTINED, IGNORED = "counted", "quarantined", "ignored"
BUNDLE_RULE = "bundle: its child lines are counted"
UNKNOWN_RULE = "nothing to count yet, and its SKU is unknown"  # the one reason to ignore a line that may pass


class Account(msgspec.Struct, frozen=True, gc=False):
    """One component of one product in one line. `commitment`, `confirmed`, `claim` and `hold` are in the ERP's units,
    `quantity`, `taken` and `shipped` (what left the house and has not come back, as last read) in the shop's; `factor` is ERP units per unit sold. `moves` counts the moves that the *line* ever
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
    shipped: Quantity = ZERO


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
    """What `account` may ask: the tenant's policy, the rule by which the shop takes stock for orders that bring none of their
    own, its catalogue, the ERP's SKUs."""

    policy: Policy
    rule: TakingRule
    products: Mapping[str, Product]
    known: Callable[[str], bool]


def account(order: Order, before: Sequence[Account], book: Book, *, phase_before: Phase | None) -> Accounts:
    """The accounts after reading `order`, given all its accounts `before` and its phase then (None: first seen)."""
    if order.phase is Phase.GONE and phase_before in FINAL:
        return Accounts((), (), ())  # it was over; that its record was deleted changes nothing
    by_line: dict[str, list[Account]] = {}
    for row in before:
        by_line.setdefault(row.line, []).append(row)
    counting = _Counting(order, book, phase_before, had_lines=bool(before))
    for line in order.lines:
        rows = by_line.pop(line.line, [])
        if rows or order.phase is not Phase.DRAFT or Phase.DRAFT in order.untold:
            counting.line(line, rows)
    for rows in by_line.values():
        counting.close(rows, "the order is gone" if order.phase is Phase.GONE else "the line was removed")
    return Accounts(tuple(counting.changed), tuple(counting.takings), tuple(counting.problems))


class _Counting:
    """One state of one order while it is being counted: what has come out so far."""

    __slots__ = ("book", "changed", "order", "parents", "phase_before", "problems", "rule", "takings", "unseen")

    def __init__(self, order: Order, book: Book, phase_before: Phase | None, *, had_lines: bool) -> None:
        self.order = order
        self.book = book
        self.rule = book.rule if order.rule is None else order.rule
        self.phase_before = phase_before
        # An order that had no line at all was read half-written: its lines were placed, not added by an edit.
        self.unseen = Earlier(phase_before) if had_lines or phase_before is Phase.DRAFT else UNSEEN
        self.parents = {line.parent for line in order.lines if line.parent}
        self.changed: list[Account] = []
        self.takings: list[LineTaking] = []
        self.problems: list[Problem] = []

    def line(self, line: Line, rows: list[Account]) -> None:
        if not rows:
            self.first(line)
            return
        order, book = self.order, self.book
        line = _as_pinned(line, rows)
        same = [row for row in rows if row.product == line.product]
        mine = [row for row in same if row.state != IGNORED]
        lead = next((row for row in mine if row.lead), None)
        earlier = next((self.earlier(row) for row in same if row.lead), self.unseen)
        line = put_back(order, line, self.rule, earlier)
        taking = take(order, line, self.rule, earlier)
        shipped = _shipped_before(lead, self.phase_before)
        counted, rule = commitment(order, line, book.policy, taking.taken, shipped_before=shipped)
        if mine:
            mine = [_with_item(row, book) for row in mine]
            if line.line in self.parents:  # its children showed later than itself: never parent and child
                counted, rule = ZERO, BUNDLE_RULE
        else:
            mine, problem = self.open(line, rows, counted=counted != ZERO)
            if problem is not None:
                self.problems.append(problem)
        self.settle(line, rows, mine, taking, counted, rule)
        others = [row for row in rows if row.product != line.product]
        self.close(others, "another product is in the line", replaced={row.part for row in mine})

    def earlier(self, row: Account) -> Earlier:
        """The line as its account has it."""
        again = self.order.puts_back and _was_put_back(row, self.order.phase)
        return Earlier(self.unseen.phase, row.taken, row.quantity, row.shipped, again)

    def first(self, line: Line) -> None:
        """A line without accounts: the way most lines come, so it is kept short."""
        line = put_back(self.order, line, self.rule, self.unseen)
        taking = take(self.order, line, self.rule, self.unseen)
        counted, rule = commitment(self.order, line, self.book.policy, taking.taken)
        mine, problem = self.open(line, (), counted=counted != ZERO)
        if problem is not None:
            self.problems.append(problem)
        self.settle(line, (), mine, taking, counted, rule)

    def settle(
        self,
        line: Line,
        rows: Sequence[Account],
        mine: Sequence[Account],
        taking: Taking,
        counted: Quantity,
        rule: str,
    ) -> None:
        """The line's accounts at this state, as far as they are new, and what the shop took."""
        for row in mine:
            after = self.at(row, line, taking.taken, counted, rule)
            if after not in rows:
                self.changed.append(after)
            if row.lead and row.item and taking.matters:
                self.takings.append(LineTaking(row.item, line.line, taking))

    def open(self, line: Line, rows: Sequence[Account], *, counted: bool) -> tuple[list[Account], Problem | None]:
        """New accounts for a product that the line didn't hold before."""
        kept = [row.rule for row in rows if row.product == line.product and row.rule != UNKNOWN_RULE]
        if kept:
            why = kept[0]  # PIN: what was not stock when it was sold doesn't become so by a change of the product
        elif self.order.own_key:
            why = "the ERP's own order: its document counts"
        else:
            why = _uncounted(line, self.book.products.get(line.product), is_parent=line.line in self.parents)
        return _open(line, rows, self.book, counted=counted, why=why)

    def at(self, row: Account, line: Line, taken: Quantity, counted: Quantity, rule: str) -> Account:
        """The account at this state of its line."""
        order = self.order
        if row.state == IGNORED:
            return msgspec.structs.replace(row, quantity=line.quantity, taken=taken)
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
            shipped_floor(line, self.book.policy),
        )  # fmt: skip

    def close(self, rows: Sequence[Account], rule: str, replaced: Iterable[int] = ()) -> None:
        """What is no longer in the order commits nothing but what was shipped; its taking falls too, unless the order is gone:
        then nobody put anything back, and who follows the shop keeps it committed. Accounts that were never counted
        have no number of their own: `replaced` are those that new accounts have taken."""
        gone = self.order.phase is Phase.GONE
        policy = self.book.policy
        follows = gone and policy.on_cancel is OnCancel.FOLLOW_STORE
        kept = {row.product: row.taken for row in rows if row.lead} if follows else {}
        for row in rows:
            taken, why = row.taken, rule
            if row.lead and row.taken and row.quantity and not gone:
                taking = take_back(row.taken, self.rule)
                taken = taking.taken
                if row.item:
                    self.takings.append(LineTaking(row.item, row.line, taking))
            committed = scaled(kept.get(row.product, ZERO), row.factor)
            returned = not gone and policy.returns is Returns.STORE and self.rule.edits_adjust
            all_of_it = _was_shipped(row, self.phase_before)
            shipped = row.commitment if all_of_it else Quantity(min(row.commitment, scaled(row.shipped, row.factor)))
            if shipped > committed and not returned:
                committed, why = shipped, SHIPPED  # the shop's taking it out is no return that we book
            after = msgspec.structs.replace(
                row, quantity=ZERO, commitment=committed, claim=ZERO, hold=ZERO, hold_until=Instant(0), taken=taken
            )
            if after != row and row.part not in replaced:
                self.changed.append(msgspec.structs.replace(after, rule=why))


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


def _was_shipped(row: Account, phase_before: Phase | None) -> bool:
    """SHIPPED: whether what the account commits had left the house by the state before. A completed order's units had,
    restocked later or not; and what was once kept for that reason still is, however often the order is read again."""
    return phase_before in (Phase.COMPLETED, Phase.REFUNDED) or row.rule == SHIPPED


def _was_put_back(row: Account, phase: Phase) -> bool:
    """Whether the shop had put the units back when the order entered this phase, as far as that made a difference: by what
    the account has committed since."""
    if row.taken:
        return False
    if phase is Phase.CANCELLED:
        return not row.commitment
    return row.commitment < scaled(row.quantity, row.factor) or row.rule == SHIPPED


def _shipped_before(lead: Account | None, phase_before: Phase | None) -> Quantity:
    """Units sold (not yet scaled) that had left the house by the state before."""
    if lead is None or not _was_shipped(lead, phase_before):
        return ZERO
    return Quantity(lead.commitment * UNIT // lead.factor)


def scaled(quantity: Quantity, factor: Quantity) -> Quantity:
    """Units of a component in `quantity` units sold."""
    return quantity if factor == UNIT else Quantity(quantity * factor // UNIT)


def _open(
    line: Line, rows: Sequence[Account], book: Book, *, counted: bool, why: str
) -> tuple[list[Account], Problem | None]:
    """New accounts for a product that the line didn't hold before: PIN happens here. `why`: it moves no stock at all."""
    policy = book.policy
    product = book.products.get(line.product)
    item = product.item if product else ""
    part = 1 + max([row.part for row in rows if row.state != IGNORED], default=-1) if rows else 0
    moves = rows[0].moves if rows and part == 0 else 0
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
        return [msgspec.structs.replace(row, rule=UNKNOWN_RULE)], None
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
        return BUNDLE_RULE
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

    Such a state may be acted on at once though it is unsettled: if it was torn, the next reading corrects it upwards. An
    order that counted nothing before and shows nothing now doesn't lower: it may lack its lines, and taking it for read
    would move the drain mark past them.
    """
    had = {(row.line, row.part): row.commitment + row.claim + row.hold for row in before}
    has = {(row.line, row.part): row.commitment + row.claim + row.hold for row in after}
    if not any(had.values()) and not any(has.values()):
        return False
    return all(units >= had.get(place, 0) for place, units in has.items())
