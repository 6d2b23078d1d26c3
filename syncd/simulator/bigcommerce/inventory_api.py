"""The v3 inventory API: levels by location, and adjustments that are accepted now and applied later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

from aiohttp import web

from syncd.simulator.bigcommerce.answers import (
    INVENTORY_PAGE_MAX,
    answer,
    body_of,
    listed,
    numbers,
    page_of,
    v3_error,
    v3_page,
)
from syncd.simulator.bigcommerce.dates import SECOND_US, iso_8601
from syncd.simulator.bigcommerce.products import DEFAULT_LOCATION, ItemKey
from syncd.simulator.bigcommerce.shop import Shop
from syncd.simulator.bigcommerce.stockroom import Counter

ITEMS_MAX: Final = 2000
"""Items of one adjustment (vendor page "Inventory adjustments")."""
_IDENTITIES: Final = ("sku", "variant_id", "product_id")


class Refused(Exception):
    """An item that the vendor refuses; the message is the title of its answer."""

    def __init__(self, title: str, status: int = 422) -> None:
        super().__init__(title)
        self.status = status


class InventoryApi:
    """Levels and adjustments."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v3/inventory/items", self.items),
            web.get("/v3/inventory/locations", self.locations),
            web.delete("/v3/inventory/locations", self.delete_locations),
            web.get(r"/v3/inventory/locations/{location:\d+}/items", self.location_items),
            web.put(r"/v3/inventory/locations/{location:\d+}/items", self.location_settings),
            web.put("/v3/inventory/adjustments/absolute", self.absolute),
            web.post("/v3/inventory/adjustments/relative", self.relative),
        ]

    # --- reading ------------------------------------------------------------------------------------------------

    def shown_level(self, counter: Counter) -> int:
        """On hand as a read shows it: perhaps as it was some seconds ago."""
        return self._read(counter) or 0

    def _read(self, counter: Counter) -> int | None:
        now_us = self._shop.now()
        stale_us = round(self._shop.faults.stale_seconds * SECOND_US)
        return counter.level_at(now_us - stale_us) if stale_us else counter.level

    async def items(self, request: web.Request) -> web.Response:
        """All items with their locations."""
        page, limit = page_of(request.query, INVENTORY_PAGE_MAX)
        if limit > INVENTORY_PAGE_MAX:
            return v3_error(413, f"The limit may not be above {INVENTORY_PAGE_MAX}.", problem=True)
        places = numbers(request.query, "location_id:in")
        codes = listed(request.query, "location_code:in")
        rows = []
        for item, identity in self._matching(request.query):
            shown = []
            for counter in self._shop.stockroom.counters(item):
                location = self._shop.catalog.locations[counter.location_id]
                if (places is None or location.id in places) and (codes is None or location.code in codes):
                    level = self._show_level(counter)
                    named = {
                        "location_id": location.id,
                        "location_code": location.code,
                        "location_name": location.label,
                    }
                    shown.append({**named, **level, "location_enabled": location.enabled})
            if shown:
                rows.append({"identity": identity, "locations": shown})
        return v3_page(rows, page, limit)

    async def location_items(self, request: web.Request) -> web.Response:
        """The items at one location."""
        page, limit = page_of(request.query, INVENTORY_PAGE_MAX)
        place = int(request.match_info["location"])
        if place not in self._shop.catalog.locations:
            return v3_error(404, f"Location not found, identities: [{place}]", problem=True)
        if limit > INVENTORY_PAGE_MAX:
            return v3_error(413, f"The limit may not be above {INVENTORY_PAGE_MAX}.", problem=True)
        rows = []
        for item, identity in self._matching(request.query):
            counter = self._shop.stockroom.find(item, place)
            if counter is not None:
                rows.append({"identity": identity, **self._show_level(counter)})
        return v3_page(rows, page, limit)

    async def locations(self, request: web.Request) -> web.Response:
        """The locations."""
        page, limit = page_of(request.query, INVENTORY_PAGE_MAX)
        if limit > INVENTORY_PAGE_MAX:
            return v3_error(413, f"The limit may not be above {INVENTORY_PAGE_MAX}.", problem=True)
        wanted, codes = numbers(request.query, "location_id:in"), listed(request.query, "location_code:in")
        active, default = request.query.get("is_active"), request.query.get("is_default")
        rows = [
            {
                "id": location.id,
                "code": location.code,
                "label": location.label,
                "description": "",
                "managed_by_external_source": False,
                "type_id": "PHYSICAL",
                "enabled": location.enabled,
                "time_zone": "Etc/UTC",
                "created_at": iso_8601(0),
                "updated_at": iso_8601(0),
                "storefront_visibility": True,
            }
            for location in self._shop.catalog.locations.values()
            if (wanted is None or location.id in wanted)
            and (codes is None or location.code in codes)
            and (active is None or location.enabled == (active == "true"))
            and (default is None or (location.id == DEFAULT_LOCATION) == (default == "true"))
        ]
        return v3_page(rows, page, limit)

    async def delete_locations(self, request: web.Request) -> web.Response:
        """Delete locations with their stock; the default one is the shipping origin, which can't go."""
        wanted = numbers(request.query, "location_id:in") or ()
        known = self._shop.catalog.locations
        for number in wanted:
            if number not in known:
                return v3_error(404, f"Location not found, identities: [{number}]", problem=True)
            if number == DEFAULT_LOCATION:
                title = f"Location canʼt be deleted. {known[number].label} is set as a shipping origin for this store and canʼt be deleted."
                return v3_error(422, title, problem=True)
        for number in wanted:
            self._shop.close_location(number)
        return self._accepted()

    def _matching(self, query: Mapping[str, str]) -> list[tuple[ItemKey, dict[str, Any]]]:
        skus, variant_ids = listed(query, "sku:in"), numbers(query, "variant_id:in")
        product_ids = numbers(query, "product_id:in")
        found: list[tuple[ItemKey, dict[str, Any]]] = []
        for product in self._shop.catalog.products.values():
            if product_ids is not None and product.id not in product_ids:
                continue
            entries: list[tuple[ItemKey, str, int | None]] = []
            by_variant = self._shop.settings.switches.product_rows == "variants"
            if product.tracking == "product" and by_variant:
                entries = [(("product", product.id), variant.sku, variant.id) for variant in product.variants]
            elif product.tracking == "product":
                entries = [(("product", product.id), product.sku, product.variants[0].id if product.simple else None)]
            elif product.tracking == "variant":
                entries = [(("variant", variant.id), variant.sku, variant.id) for variant in product.variants]
            for item, sku, variant_id in entries:
                if (skus is None or sku in skus) and (variant_ids is None or variant_id in variant_ids):
                    identity: dict[str, Any] = {"sku": sku, "product_id": product.id}
                    if variant_id is not None:
                        identity["variant_id"] = variant_id
                    found.append((item, identity))
        return found

    def _show_level(self, counter: Counter) -> dict[str, Any]:
        level = self._read(counter)
        available = max(0, (level or 0) - counter.safety_stock)
        unset = level is None and self._shop.settings.switches.unset_level == "null"
        return {
            "available_to_sell": None if unset else available,
            "total_inventory_onhand": None if unset else level or 0,
            "settings": {
                "safety_stock": counter.safety_stock,
                "is_in_stock": available > 0,
                "warning_level": counter.warning_level,
                "bin_picking_number": counter.bin_picking_number,
            },
        }

    # --- writing ------------------------------------------------------------------------------------------------

    async def absolute(self, request: web.Request) -> web.Response:
        """Set levels."""
        return await self._adjust(request, "absolute")

    async def relative(self, request: web.Request) -> web.Response:
        """Change levels."""
        return await self._adjust(request, "relative")

    async def _adjust(self, request: web.Request, kind: Literal["relative", "absolute"]) -> web.Response:
        body = await body_of(request)
        items = body.get("items") if body is not None else None
        if not isinstance(items, list) or not items:
            return v3_error(422, "Payload contains invalid fields", {"items": "items is required"}, problem=True)
        if len(items) > ITEMS_MAX:
            return v3_error(413, f"No more than {ITEMS_MAX} items can be adjusted.", problem=True)
        now_us = self._shop.now()
        good: list[tuple[Counter, int]] = []
        refusal: Refused | None = None
        for place, wanted in enumerate(items):
            fault = _fault_of(wanted, kind)
            if fault:
                errors = {f"items.{place}.{fault}": "invalid value"}
                return v3_error(422, "Payload contains invalid fields", errors, problem=True)
            try:
                good.append((self._check(wanted, kind, good), wanted["quantity"]))
            except Refused as refused:
                refusal = refusal or refused
        if refusal is None or not self._shop.settings.switches.batch_all_or_nothing:
            cause = f"api {kind}"
            for counter, quantity in good:
                delay_us = self._shop.draw_us(self._shop.faults.apply_delay_seconds)
                self._shop.stockroom.accept(counter, kind, quantity, now_us=now_us, delay_us=delay_us, cause=cause)
            self._shop.now()
        if refusal is not None:
            return v3_error(refusal.status, str(refusal), problem=True)
        return self._accepted()

    def _accepted(self) -> web.Response:
        return answer({"transaction_id": str(UUID(int=self._shop.chance.getrandbits(128), version=4))})

    def _check(self, wanted: Mapping[str, Any], kind: str, earlier: list[tuple[Counter, int]]) -> Counter:
        """The counter that an item means. Raises Refused with the vendor's title."""
        location = self._shop.catalog.locations.get(wanted["location_id"])
        if location is None or not location.enabled:
            raise Refused(f"Location not found, identities: [{wanted['location_id']}]")
        item, identity = self._identify(wanted)
        counter = self._shop.stockroom.find(item, location.id)
        if kind == "absolute":
            return counter or self._shop.stockroom.counter(item, self._shop.catalog.sku_of(item), location.id)
        absolute_waits = counter is not None and any(one.kind == "absolute" for one in counter.in_flight)
        if counter is None or (counter.level is None and not absolute_waits):
            raise Refused(f"Items with identity: [{identity}] requires absolute adjustment before relative")
        same = sum(quantity for other, quantity in earlier if other is counter)
        short = self.shown_level(counter) + same + wanted["quantity"] < counter.safety_stock
        if wanted["quantity"] < 0 and short and not absolute_waits:
            raise self._short(identity)
        return counter

    def _short(self, identity: str) -> Refused:
        answer = self._shop.settings.switches.shortage_answer
        if answer == "named":
            return Refused(f"Items with identity: [{identity}] do not have enough stock")
        return Refused("There is not enough stock", 422 if answer == "unnamed" else 409)

    def _identify(self, wanted: Mapping[str, Any]) -> tuple[ItemKey, str]:
        catalog = self._shop.catalog
        name = next(name for name in _IDENTITIES if name in wanted)
        identity = f"{name} {wanted[name]}"
        if name == "product_id":
            product = catalog.products.get(wanted[name])
            variant = None
        elif name == "variant_id":
            variant = catalog.variants.get(wanted[name])
            product = catalog.products[variant.product_id] if variant else None
        else:
            product, variant = catalog.by_sku.get(wanted[name], (None, None))
        if product is None:
            raise Refused(f"Item not found, identities: [{identity}]")
        base = product.simple and (name == "sku" or self._shop.settings.switches.base_variant_adjustable)
        if product.tracking == "product" and variant is not None and not base:
            raise Refused(f"[Item with {identity} is tracked by product, please update stock by product id]")
        if product.tracking == "variant" and variant is None:
            raise Refused(f"[Item with {identity} is tracked by variant, please update stock by variant id]")
        if product.tracking == "none":
            raise Refused(f"[Item with {identity} is not tracked]")
        if product.tracking == "product" or variant is None:
            return ("product", product.id), identity
        return ("variant", variant.id), identity

    async def location_settings(self, request: web.Request) -> web.Response:
        """Safety stock, warning level and bin of items at a location."""
        place = int(request.match_info["location"])
        body = await body_of(request)
        wanted = body.get("settings") if body is not None else None
        if place not in self._shop.catalog.locations:
            return v3_error(422, f"Location not found, identities: [{place}]", problem=True)
        if not isinstance(wanted, list) or len(wanted) > ITEMS_MAX:
            return v3_error(422, "Payload contains invalid fields", problem=True)
        try:
            found = [(self._identify(one["identity"])[0], one) for one in wanted]
        except (Refused, KeyError, StopIteration) as bad:
            return v3_error(422, str(bad) or "Payload contains invalid fields", problem=True)
        for item, one in found:
            counter = self._shop.stockroom.counter(item, self._shop.catalog.sku_of(item), place)
            counter.safety_stock = int(one.get("safety_stock", counter.safety_stock))
            counter.warning_level = int(one.get("warning_level", counter.warning_level))
            counter.bin_picking_number = str(one.get("bin_picking_number", counter.bin_picking_number))
            self._shop.tell_of_item(counter, "settings_changed")
        return self._accepted()


def _fault_of(wanted: object, kind: str) -> str | None:
    """The field of an item that is missing or of the wrong kind, if any."""
    if not isinstance(wanted, Mapping):
        return "item"
    if not isinstance(wanted.get("location_id"), int):
        return "location_id"
    given = [name for name in _IDENTITIES if name in wanted]
    if len(given) != 1 or not isinstance(wanted[given[0]], str if given[0] == "sku" else int):
        return "identity"
    quantity = wanted.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or (kind == "absolute" and quantity < 0):
        return "quantity"
    return None
