"""What the merchant sells: the SKUs with their opening stock, and how the shops and the ERP are told of them.

Some are plentiful, some scarce enough to sell out in three shops at once: the last units are where counting is hard.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

TENANT: Final = "acme"
LOCATION: Final = "main"


class Article(NamedTuple):
    """One SKU. `parent` is the product that it is a variation of, "" for a product of its own."""

    sku: str
    name: str
    opening: int
    weight: int  # how often shoppers want it, beside the others
    parent: str = ""


ARTICLES: Final = (
    Article("MUG-RED", "Mug, red", 120, 10),
    Article("MUG-BLUE", "Mug, blue", 90, 10),
    Article("TEE-S", "S", 60, 6, "TEE"),
    Article("TEE-M", "M", 80, 8, "TEE"),
    Article("TEE-L", "L", 45, 6, "TEE"),
    Article("NOTEBOOK", "Notebook", 200, 10),
    Article("POSTER", "Poster", 30, 6),
    Article("LAMP", "Desk lamp", 12, 4),
    Article("VASE", "Vase, handmade", 5, 2),
)


def products(variations_key: str) -> list[dict[str, Any]]:
    """The body's products for a shop's `POST /_sim/products`; platforms name the list of variations differently."""
    rows: dict[str, dict[str, Any]] = {}
    for article in ARTICLES:
        own = {"sku": article.sku, "name": article.name, "stock": article.opening}
        if article.parent:
            parent = rows.setdefault(article.parent, {"sku": article.parent, "name": "T-shirt", variations_key: []})
            parent[variations_key].append(own)
        else:
            rows[article.sku] = own
    return list(rows.values())


def opening_csv() -> str:
    """The ERP's opening stock, as a merchant would import it."""
    rows = [f'{a.sku},{LOCATION},{a.opening},"{a.name}"' for a in ARTICLES]
    return "\n".join(["sku,location,quantity,name", *rows, ""])
