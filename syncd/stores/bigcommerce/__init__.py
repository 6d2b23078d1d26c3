"""The BigCommerce store adapter: orders v2 and v3's catalogue, inventory and settings, behind the ports of a store."""

from syncd.stores.bigcommerce.store import BigCommerceStore

__all__ = ["BigCommerceStore"]
