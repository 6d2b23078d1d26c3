"""What the store says about itself: its clock, its data, its channels, its stock settings."""

from __future__ import annotations

import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.dates import iso_8601
from syncd.simulator.bigcommerce.settings import StockRules
from syncd.simulator.bigcommerce.shop import Shop

_DISPLAY = {
    "product_out_of_stock_behavior": "do_nothing",
    "option_out_of_stock_behavior": "do_nothing",
    "stock_level_display": "dont_show",
    "default_out_of_stock_message": "Currently out of stock",
    "hide_in_product_filtering": False,
    "show_pre_order_stock_levels": False,
    "show_out_of_stock_message": False,
}


class StoreApi:
    """The small endpoints."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v2/time", self.time),
            web.get("/v2/store", self.store),
            web.get("/v3/channels", self.channels),
            web.get("/v3/settings/inventory", self.inventory_settings),
            web.put("/v3/settings/inventory", self.set_inventory_settings),
        ]

    async def time(self, request: web.Request) -> web.Response:
        """The shop's own clock, in seconds."""
        del request
        return answer({"time": self._shop.stamp()})

    async def store(self, request: web.Request) -> web.Response:
        """The store's data. Its time zone isn't UTC, though all dates of the API are."""
        store, plan = request.match_info["store"], self._shop.settings.switches.plan
        zone = {"name": "America/Chicago", "raw_offset": -21600, "dst_offset": -18000, "dst_correction": True}
        formats = {"display": "M jS Y", "export": "M jS Y", "extended_display": "M jS Y @ g:i A"}
        return answer(
            {
                "id": store,
                "domain": f"{store}.example.com",
                "secure_url": f"https://{store}.example.com",
                "status": "live",
                "name": self._shop.name,
                "country": "United States",
                "country_code": "US",
                "timezone": {**zone, "date_format": formats},
                "language": "en",
                "currency": "USD",
                "currency_symbol": "$",
                "decimal_places": 2,
                "weight_units": "Ounces",
                "plan_name": plan,
                "plan_level": plan,
                "plan_is_trial": False,
                "store_id": 1025646,
                "default_channel_id": 1,
                "features": {"multi_storefront_enabled": len(self._shop.channels) > 1},
            }
        )

    async def channels(self, request: web.Request) -> web.Response:
        """The channels."""
        page, limit = page_of(request.query)
        rows = [
            {
                "id": number,
                "name": name,
                "type": "storefront",
                "platform": "bigcommerce",
                "status": "active",
                "external_id": "",
                "is_listable_from_ui": True,
                "is_enabled": True,
                "is_visible": True,
                "date_created": iso_8601(0),
                "date_modified": iso_8601(0),
            }
            for number, name in self._shop.channels.items()
        ]
        return v3_page(rows, page, limit)

    def _show_rules(self, channel: int | None) -> dict[str, object]:
        settings = self._shop.settings
        if channel is None:
            return {**_DISPLAY, **msgspec.to_builtins(settings.everywhere)}
        own = settings.channels.get(channel, StockRules())
        return {**dict.fromkeys(_DISPLAY), **msgspec.to_builtins(own)}

    def _channel_of(self, request: web.Request) -> int | None:
        """The channel asked for, None without one. Raises ValueError for an unknown one."""
        text = request.query.get("channel_id")
        if text is None:
            return None
        if int(text) not in self._shop.channels:
            raise ValueError(text)
        return int(text)

    async def inventory_settings(self, request: web.Request) -> web.Response:
        """When orders move stock: the store's own values, or a channel's with null for what it inherits."""
        try:
            channel = self._channel_of(request)
        except ValueError:
            return v3_error(422, "The channel doesn't exist.")
        return answer({"data": self._show_rules(channel), "meta": {}})

    async def set_inventory_settings(self, request: web.Request) -> web.Response:
        """Write them; fields that don't rule stock are taken and forgotten."""
        body = await body_of(request)
        try:
            channel = self._channel_of(request)
            rules = {name: value for name, value in (body or {}).items() if name in StockRules.__struct_fields__}
            self._shop.settings.change(rules if channel is None else {**rules, "channel": channel})
        except (ValueError, msgspec.ValidationError) as bad:
            return v3_error(422, "JSON data is missing or invalid", {"settings": str(bad)})
        return answer({"data": self._show_rules(channel), "meta": {}})
