"""What becomes of a drift, in the transaction that found it.

`drift = "erp"`: the ERP is right, the shop is corrected by the ordinary write. `"report"`: the shop stays as it is, by a
named offset of the item that blocks raises. `"adjust"`: the shop's edit is booked in the ERP as a move of its own, with an
account and a key like any sale's, so that it is posted exactly once. The key names the reading that showed it: a counter of
the ledger's would give it again to another drift after a restored ledger.
"""

from __future__ import annotations

from sqlalchemy import Connection

from syncd.core.account import Account, scaled
from syncd.core.quantity import Instant, Quantity
from syncd.ledger import items, orders
from syncd.ledger.drifts import note_drift
from syncd.reconcile.evaluate import Evaluation, Moment, Shop, gap
from syncd.reconcile.replan import replan


def settle_drift(connection: Connection, shop: Shop, result: Evaluation, moment: Moment, epoch: int) -> Quantity:
    """Note a drift and do what the shop's policy says. Returns its units (positive: the shop had more than the book)."""
    units = gap(result.book, result.belief, moment, shop.traits.floor)
    note_drift(
        connection, shop.tenant, shop.store, result.row.item, units=units, policy=shop.drift,
        keep_since=result.belief.used[-1].began, now=moment.now, accepted=result.row.accepted,
    )  # fmt: skip
    if shop.drift == "adjust" and units and len(result.row.recipe) == 1:
        _book(connection, shop, result, units, f"drift-{result.belief.used[-1].began}", moment.now, epoch)
    return units


def _book(
    connection: Connection, shop: Shop, result: Evaluation, units: Quantity, order: str, now: Instant, epoch: int
) -> None:
    """The shop's edit as an account: units that went count as committed, units that came as given back."""
    ((sku, factor),) = result.row.recipe
    entry = Account(
        line=result.row.item, part=0, product="", item="", sku=sku, location=shop.places.locations[result.row.place], factor=factor, lead=False,
        quantity=Quantity(-units), commitment=scaled(Quantity(-units), factor), rule="the shop's counter was edited",
    )  # fmt: skip
    orders.write_accounts(connection, [orders.account_row(shop.tenant, shop.store, order, entry, is_open=True)])
    replan(connection, shop.tenant, shop.store, order, now=now, epoch=epoch)
    items.make_due(connection, shop.tenant, [sku], now)
