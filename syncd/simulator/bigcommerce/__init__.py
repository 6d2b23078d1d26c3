"""A BigCommerce shop to try things on: the vendor's API with its rules, quirks and faults, and the ground truth.

    shop = Shop(clock, Random(7))
    shop.add_products([{"sku": "RED", "stock": 5}])
    app = make_app(shop)  # an aiohttp application; run it on a socket

Sources are the vendor's OpenAPI documents and manual pages. What they leave open is a switch (`settings.Switches`);
what goes wrong in practice is a dial (`faults.Faults`).
"""

from __future__ import annotations

from syncd.simulator.bigcommerce.faults import Faults
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.server import STORE, TOKEN, make_app
from syncd.simulator.bigcommerce.settings import Settings, StockRules, Switches
from syncd.simulator.bigcommerce.shop import Shop

__all__ = [
    "STORE",
    "TOKEN",
    "Faults",
    "NoSuch",
    "NotPossible",
    "OutOfStock",
    "Settings",
    "Shop",
    "StockRules",
    "Switches",
    "make_app",
]
