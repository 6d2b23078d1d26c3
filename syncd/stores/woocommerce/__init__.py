"""WooCommerce, over REST v3: orders with what the shop took for them, and absolute levels.

Vendor rules in this package were measured on WooCommerce 10.0.2 (WordPress 6.8.8) or read in its code, where no other
source is named.
"""

from syncd.stores.woocommerce.store import WooCommerceStore

__all__ = ["WooCommerceStore"]
