"""`explain order`: where each number of an order comes from: lines, accounts, moves, and what the ERP has under their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from syncd.control.explain_placement import placement_view, placements_of
from syncd.control.failure import EXIT_USAGE, CommandFailed
from syncd.control.plain import iso
from syncd.control.scene import Scene, Tell
from syncd.core.account import Account
from syncd.core.document import instant_of
from syncd.core.quantity import show
from syncd.errors import SyncdError
from syncd.ledger import documents, history, orders, quarantine, shipments
from syncd.ledger.documents import DocumentState
from syncd.ledger.history import MoveRecord, OrderHead
from syncd.ledger.placing import PlacementRow
from syncd.ledger.quarantine import Held
from syncd.ledger.shipments import ShipmentRow
from syncd.ports.erp import Erp, ErpMove

KEYS_ASKED_MAX: Final = 500  # of one order: more lines than any shop's order has


class OrderRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`order` is STORE/ORDER, or TENANT/STORE/ORDER as the log has it; or, where `store` is named, its number alone. Without `ask`
    the ERP isn't asked for its moves."""

    order: str
    tenant: str | None = None
    store: str | None = None
    ask: bool = True


async def explain_order(scene: Scene, request: OrderRequest, tell: Tell) -> dict[str, Any]:  # noqa: ARG001 - as all commands
    """One order, each number with its origin."""
    parts = request.order.split("/") if request.store is None else [request.store, request.order]
    named, rest = (parts[0], parts[1:]) if len(parts) == 3 and request.tenant is None else (request.tenant, parts)
    if len(rest) != 2 or not all(rest):
        raise CommandFailed(
            f"{request.order!r} names no order", hint="write STORE/ORDER, like us/1001", exit_code=EXIT_USAGE
        )
    work = scene.tenant(named)
    tenant, (name, order) = work.context.tenant, rest

    def unit(
        connection: Connection,
    ) -> tuple[
        OrderHead | None,
        list[Account],
        list[MoveRecord],
        list[Held],
        list[ShipmentRow],
        list[PlacementRow],
        DocumentState | None,
    ]:
        return (
            history.read_order_head(connection, tenant, name, order),
            orders.read_accounts(connection, tenant, name, [order]).get(order, []),
            history.moves_of_order(connection, tenant, name, order),
            quarantine.of_order(connection, tenant, name, order),
            shipments.of_order(connection, tenant, name, order),
            placements_of(connection, tenant, name, order),
            documents.of_order(connection, tenant, name, order),
        )

    head, accounts, moves, held, shipped, placed, document = await scene.ledger.read(unit)
    if head is None and not held and not shipped and not placed:
        scene.store(work, name)  # perhaps it is the store that is unknown
        raise CommandFailed(
            f"the ledger doesn't know order {order} of store {name}",
            hint="is it newer than orders_read_to in `syncd status --json`? Older ones come by `syncd backfill`",
            exit_code=EXIT_USAGE,
        )
    keys = [move.key for move in moves if move.state != "void"]
    found, trouble = await ask_erp(work.context.erp, keys) if request.ask else (None, None)
    return {
        "tenant": tenant,
        "store": name,
        "order": order,
        **(_head(head) if head is not None else {}),
        "lines": [_line(row, moves, found) for row in sorted(accounts, key=lambda row: (row.line, row.part))],
        "shipments": [_shipment(row) for row in shipped],
        "placements": [placement_view(row) for row in placed],
        "document": _document(document) if document is not None else None,
        "quarantine": [_held(entry) for entry in held],
        "erp_trouble": trouble,
    }


async def ask_erp(erp: Erp, keys: Sequence[str]) -> tuple[Mapping[str, ErpMove] | None, str | None]:
    """What the ERP has under these keys; None and the reason where it can't be asked."""
    found: dict[str, ErpMove] = {}
    asked = keys[:KEYS_ASKED_MAX]
    try:
        for start in range(0, len(asked), erp.traits.batch_max):
            found |= await erp.find(asked[start : start + erp.traits.batch_max])
    except SyncdError as error:
        return None, str(error)
    return found, None


def _head(head: OrderHead) -> dict[str, Any]:
    return {
        "status": head.status,
        "phase": head.phase,
        "created_at": iso(head.created),
        "modified_at": iso(head.modified),
        "read_at": iso(head.read_at),
        "reading": head.reading,
        "baseline": bool(head.baseline),
        "cart": head.cart or None,
    }


def _line(row: Account, moves: Sequence[MoveRecord], found: Mapping[str, ErpMove] | None) -> dict[str, Any]:
    return {
        "line": row.line,
        "part": row.part,
        "product": row.product,
        "item": row.item or None,
        "sku": row.sku,
        "location": row.location,
        "factor": show(row.factor),
        "quantity": show(row.quantity),
        "taken": show(row.taken) if row.lead else None,
        "commitment": show(row.commitment),
        "rule": row.rule,
        "confirmed": show(row.confirmed),
        "untold": show(row.commitment - row.confirmed),
        "claim": show(row.claim),
        "hold": show(row.hold),
        "hold_until": iso(row.hold_until),
        "state": row.state,
        "moves": [move_view(move, found) for move in moves if (move.line, move.part) == (row.line, row.part)],
    }


def move_view(move: MoveRecord, found: Mapping[str, ErpMove] | None) -> dict[str, Any]:
    """A move, with the ERP's own content where it could be asked (`erp`: None if it has nothing under the key)."""
    there = found.get(move.key) if found is not None else None
    return {
        "order": f"{move.store}/{move.order}",
        "line": move.line,
        "n": move.n,
        "key": move.key,
        "sku": move.sku,
        "location": move.location,
        "change": show(move.change),
        "state": "in doubt" if move.state == "sent" and move.doubt else move.state,
        "rule": move.rule,
        "planned_at": iso(move.planned_at),
        "sent_at": iso(move.sent_at),
        "confirmed_at": iso(move.confirmed_at),
        "attempts": move.attempts,
        "reason": move.reason or None,
        "erp_ref": move.erp_ref or None,
        "erp_asked": found is not None and move.state != "void",
        "erp": None if there is None else {"sku": there.sku, "location": there.location, "change": show(there.change)},
    }


def _shipment(row: ShipmentRow) -> dict[str, Any]:
    told = row.told
    named = [(f"line {each.line}" if not each.sku else each.sku, each.quantity) for each in told.lines]
    units = [(f"line {each.line}", each.quantity) for each in row.parcel] or named
    return {
        "shipment": row.key,
        "part": row.part,
        "key": row.own_key or None,
        "address": row.place or None,
        "units": [{"of": name, "quantity": show(quantity)} for name, quantity in units],
        "carrier": told.carrier or None,
        "tracking": told.tracking or None,
        "link": told.link or None,
        "state": row.state,
        "reason": row.reason or None,
        "told_at": iso(row.told_at),
        "sent_at": iso(row.sent_at),
        "confirmed_at": iso(row.confirmed_at),
        "attempts": row.attempts,
        "in_shop": row.shop_ref or None,
    }


def _document(state: DocumentState) -> dict[str, Any]:
    """How far the order's document has come, and where each part of the last one came from."""
    if state.due_at:
        word = "to be read"
    elif state.waits:
        word = "to be put"
    elif state.held:
        word = "held"
    else:
        word = "told" if state.told else "made" if state.parts else "waiting to be placed"
    return {
        "state": word,
        "reason": state.reason or state.put_reason or None,
        "attempts": state.attempts + state.put_attempts,
        "read_at": iso(state.read_at),
        "told_at": iso(state.told_at),
        "requests": state.requests,
        "parts": [
            {
                "part": part.name,
                "state": str(part.state),
                "resource": part.resource or None,
                "read_at": None if part.read_at is None else iso(instant_of(part.read_at)),
                "reason": part.reason or None,
            }
            for part in state.origins
        ],
    }


def _held(entry: Held) -> dict[str, Any]:
    return {
        "id": entry.id,
        "line": entry.line or None,
        "reason": entry.reason,
        "hint": entry.hint,
        "since": iso(entry.since),
        "state": entry.state,
    }
