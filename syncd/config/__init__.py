"""Configuration: `syncd.toml` and one file per tenant, checked as a whole. Start reading at `load`."""

from syncd.config.erp_models import EmbeddedErp, HttpErp
from syncd.config.load import Configuration, load
from syncd.config.problem import Problem
from syncd.config.settings import Settings
from syncd.config.store_models import BigCommerceStore, Store, WooCommerceStore
from syncd.config.tenant import Tenant

__all__ = [
    "BigCommerceStore",
    "Configuration",
    "EmbeddedErp",
    "HttpErp",
    "Problem",
    "Settings",
    "Store",
    "Tenant",
    "WooCommerceStore",
    "load",
]
