"""How this shop is set up: the vendor's stock settings per channel, and switches for what the vendor doesn't state.

The three stock settings are the vendor's `/v3/settings/inventory`: the values without a channel rule manual orders,
those of a channel rule the orders in it, and null on a channel inherits.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

PLAN_QUOTAS: Final = {"Standard": 150, "Plus": 150, "Pro": 450, "Enterprise": 0}
"""Requests in a 30 s window by plan (vendor page "API rate limits"); 0 is without a limit."""

Behavior = Literal["order_placed", "order_completed_or_shipped"]


class StockRules(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When orders move stock: the vendor's names. None inherits (on a channel only)."""

    update_stock_behavior: Behavior | None = None
    edit_order_stock_adjustment: bool | None = None
    refund_order_stock_adjustment: bool | None = None


class Switches(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the vendor leaves open, or says in two ways. Each default is the likeliest reading."""

    plan: Literal["Standard", "Plus", "Pro", "Enterprise"] = "Pro"
    incomplete_holds: bool = False
    """Orders in status 0 take stock (with order_placed)."""
    declined_holds: bool = False
    """Orders that turn to status 6 keep the stock they took."""
    unpaid_holds: bool = True
    """Orders in status 1 and 7 take stock (with order_placed)."""
    unpaid_status: Literal[1, 7] = 7
    """The status of a shopper's order that will be paid later."""
    archived_listed: bool = False
    """Archived orders stay in the default list."""
    is_deleted_filter: bool = True
    """The list understands `is_deleted=true` (documented until 2021)."""
    archive_returns_stock: bool = False
    """Archiving an order gives its stock back."""
    revived_takes_again: bool = True
    """An order that gave its stock back takes it again once it leaves the status for which it did, or is restored."""
    settings_catch_up: bool = True
    """An order that took nothing, since order_completed_or_shipped ruled when it was placed, takes stock when its status
    changes under order_placed; else it never does."""
    shipment_deletion_returns: bool = False
    """Deleting a shipment gives back what was taken for it (with order_completed_or_shipped)."""
    refund_api_restocks: bool = False
    """Status 4, reached by the refund API, gives stock back as a status written by hand does."""
    put_resets_status: bool = True
    """A PUT of an order without status_id leaves it Pending (the vendor's table says so)."""
    put_without_fees_deletes: bool = False
    """A PUT of an order without `fees` deletes its fees; else only a list of other fees does ("replace", the document says)."""
    document_submission_strategy: Literal["ON_PAYMENT_CAPTURE", "ON_ORDER_CREATION"] = "ON_PAYMENT_CAPTURE"
    """When a tax provider is given an order's document (the vendor's tax settings)."""
    message_moves_date: bool = True
    transaction_moves_date: bool = True
    refund_moves_date: bool = True
    """A message, a transaction, a refund is a change of its order: date_modified moves, and `store/order/updated` is called."""
    no_transactions: Literal[200, 204, 404] = 204
    """The answer for an order without transactions (the document has all three)."""
    fees_answer: Literal["object", "list"] = "object"
    """`/fees` is `{"fees": [...]}`, as in the document's example, or a bare list, as the other lists of v2 are."""
    type_noise: bool = False
    """Fields come in the other types that the vendor's own examples show: ids as text, {} or null where a value is missing,
    one object where a list should be."""
    bad_filters_ignored: bool = True
    """A filter that can't be read is dropped in silence and everything comes back; else 400."""
    min_date_inclusive: bool = True
    """min_date_modified and min_date_created include the very second."""
    create_answer: Literal[200, 201] = 201
    """Status code of POST /orders (200 in the OpenAPI document, 201 in the older pages)."""
    include_lines_max: int = 0
    """How many lines an order shows with include=consignments.line_items; 0 is all."""
    migrated_takes_stock: bool = True
    """An order created with external_source M-MIG takes stock."""
    pick_lists_adjust_inventory: bool = True
    """The product chosen from a pick list takes stock (the modifier's `product_list_adjusts_inventory`)."""
    base_variant_adjustable: bool = False
    """A simple product's own variant id may be adjusted though the product is tracked by product."""
    aggregated_locations: bool = False
    """Orders take from all enabled locations; else from the default location alone."""
    catalog_level: Literal["default_location", "available_total"] = "default_location"
    """What inventory_level in the catalog means."""
    negative_levels: bool = False
    """Counters may fall below 0; else they stop there, and the rest is counted as oversold."""
    product_rows: Literal["product", "variants"] = "product"
    """A product with variants that is tracked by product has one inventory row, or one for each variant."""
    unset_level: Literal["zero", "null"] = "zero"
    """How the inventory API shows a level that was never set."""
    batch_all_or_nothing: bool = True
    """One bad item refuses the whole adjustment; else the good ones are applied though the answer is 422."""
    shortage_answer: Literal["named", "unnamed", "conflict"] = "named"
    """How a relative decrease by more than there is gets refused: 422 with the item in its title, 422 without, or 409."""
    contention_fails_both: bool = True
    """Two relative decreases in flight that don't fit together are both dropped."""
    absolutes_overtake: bool = False
    """Absolute writes in flight for one counter land in any order; else in the order of their requests."""
    relative_uses_pre_absolute: bool = False
    """A relative write during an absolute one in flight adds to the level from before it."""
    webhooks_allowed: bool = True
    """The token may manage webhooks; else 403."""
    carts_allowed: bool = True
    """The token may read and change carts and checkouts; else 403."""
    carts_check_stock: bool = False
    """A cart of more than there is can't be made by the API: 409."""
    checkouts_check_stock: bool = False
    """Nor an order of a checkout: 409."""
    placing_checks_stock: bool = False
    """Nor can a PUT of a status place an Incomplete order that wants more than there is: 409, as for a POST."""
    https_destinations: bool = False
    """Webhooks may only call https on port 443, as the vendor demands; else any address, for tests on one machine."""
    client_secret: str = ""
    """The app's: with one, calls of webhooks are signed as well (Standard Webhooks)."""
    retries_restamped: bool = False
    """A call that is made again is signed with the time of the retry; else with that of its event."""
    blocked_kept_every: int = 2
    """While a domain is blocked each n-th event is queued for a retry ("some", the vendor says), the others are lost."""


class Settings:
    """The stock rules and switches of one shop."""

    def __init__(self) -> None:
        self.switches = Switches()
        self.everywhere = StockRules(
            update_stock_behavior="order_placed",
            edit_order_stock_adjustment=False,
            refund_order_stock_adjustment=True,
        )
        self.channels: dict[int, StockRules] = {}

    def rules_for(self, channel_id: int, *, manual: bool = False) -> StockRules:
        """The rules in force for an order: no field of the result is None."""
        own = StockRules() if manual else self.channels.get(channel_id, StockRules())
        return StockRules(
            update_stock_behavior=own.update_stock_behavior or self.everywhere.update_stock_behavior,
            edit_order_stock_adjustment=_first(own.edit_order_stock_adjustment, self.everywhere, "edit"),
            refund_order_stock_adjustment=_first(own.refund_order_stock_adjustment, self.everywhere, "refund"),
        )

    def change(self, wanted: dict[str, Any]) -> None:
        """Set stock rules (of a channel with the key "channel") and switches, all in one flat mapping.

        Raises msgspec.ValidationError for an unknown name or a value of the wrong kind; nothing is changed then.
        """
        wanted = dict(wanted)
        channel = wanted.pop("channel", None)
        rule_names = StockRules.__struct_fields__
        rules = {name: wanted.pop(name) for name in list(wanted) if name in rule_names}
        switches = msgspec.convert({**msgspec.to_builtins(self.switches), **wanted}, Switches)
        target = self.everywhere if channel is None else self.channels.get(int(channel), StockRules())
        merged = msgspec.convert({**msgspec.to_builtins(target), **rules}, StockRules)
        if channel is None and None in msgspec.to_builtins(merged).values():
            raise msgspec.ValidationError("null inherits, and only a channel has something to inherit from")
        for name in Switches.__struct_fields__:
            setattr(self.switches, name, getattr(switches, name))
        if channel is None:
            self.everywhere = merged
        elif rules:
            self.channels[int(channel)] = merged

    def show(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            **msgspec.to_builtins(self.everywhere),
            "channels": {str(number): msgspec.to_builtins(rules) for number, rules in self.channels.items()},
            "switches": msgspec.to_builtins(self.switches),
        }


def _first(own: bool | None, everywhere: StockRules, kind: Literal["edit", "refund"]) -> bool:
    if own is not None:
        return own
    if kind == "edit":
        return bool(everywhere.edit_order_stock_adjustment)
    return bool(everywhere.refund_order_stock_adjustment)
