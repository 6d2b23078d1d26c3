"""A WooCommerce shop to try things on: REST v3 over real HTTP, with the rules measured on WooCommerce 10.0.2.

`Shop` is the truth (what shoppers and the merchant really did), `make_app` the server that speaks for it.
"""

from __future__ import annotations

from syncd.simulator.woocommerce.faults import Faults
from syncd.simulator.woocommerce.records import Order, OutOfStock, Product, ShopRefusal
from syncd.simulator.woocommerce.server import make_app
from syncd.simulator.woocommerce.settings import Settings
from syncd.simulator.woocommerce.shop import Shop

__all__ = ["Faults", "Order", "OutOfStock", "Product", "Settings", "Shop", "ShopRefusal", "make_app"]
