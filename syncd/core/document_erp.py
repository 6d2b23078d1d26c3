"""What an order's lines are in the ERP: by the accounts that counting has pinned, else by the tenant's rules."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from syncd.core.account import Account
from syncd.core.document_line import DocumentLine, ErpUnits, LineKind
from syncd.core.policy import Policy
from syncd.core.quantity import UNIT

NOTHING_IN_STOCK = frozenset({LineKind.BUNDLE, LineKind.GIFT_CERTIFICATE})  # a bundle's children are lines of their own


def with_erp_units(
    lines: Sequence[DocumentLine], accounts: Sequence[Account], policy: Policy
) -> tuple[DocumentLine, ...]:
    """The lines with the ERP's SKUs. A line that was counted keeps those of its moves, whatever the rules say by now."""
    return tuple(msgspec.structs.replace(line, erp=_units(line, accounts, policy)) for line in lines)


def _units(line: DocumentLine, accounts: Sequence[Account], policy: Policy) -> tuple[ErpUnits, ...]:
    pinned = [row for row in accounts if row.line == line.line and row.sku and row.quantity > 0]
    if pinned:
        return tuple(ErpUnits(row.sku, _decimal(row.factor)) for row in pinned)
    if not line.sku or line.kind in NOTHING_IN_STOCK:
        return ()
    return tuple(ErpUnits(sku, _decimal(factor)) for sku, factor in policy.recipe(line.sku))


def _decimal(quantity: int) -> Decimal:
    return Decimal(quantity) / UNIT
