"""Fields that the pages name for sinks are there in what sinks get, and the page on sinks names all that is personal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.core import cart, document
from syncd.core.quantity import UNIT, Instant, Quantity
from syncd.testing.order_document import an_order

PROJECT = Path(__file__).resolve().parents[2]
PAGES = ("docs/sinks.md", "docs/configure.md", "docs/orders.md", "docs/carts.md", "config/tenants/full.toml.example")


def paths(value: Any, path: str = "") -> Iterator[str]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{path}.{name}" if path else name)
    if isinstance(value, list):
        for inner in value:
            yield from paths(inner, path)


def known() -> set[str]:
    line = cart.CartLine("1", cart.CartLineKind.STOCK, "p", "S", "Tea", Quantity(UNIT))
    content = cart.Cart("c", 1, Instant(0), Instant(0), "EUR", (line,), coupons=(cart.Coupon("X"),))
    told = cart.document("us", "c", cart.KnownCart(cart.CartState.OPEN, content))
    return {*paths(msgspec.to_builtins(an_order("k"))), *paths(told)}


@pytest.mark.parametrize("page", PAGES)
def test_fields_in_examples_exist(page: str) -> None:
    text = (PROJECT / page).read_text("utf-8")
    lists = re.findall(r"fields = \[([^\]]*)\]|comes when it is named itself: `\[([^\]]*)\]", text)
    named = {name for one in lists for name in re.findall(r'"([^"]+)"', "".join(one))}
    assert named <= known()
    assert named or page in {"docs/orders.md", "docs/carts.md"}


def test_all_that_is_personal_is_named() -> None:
    text = (PROJECT / "docs/sinks.md").read_text("utf-8")
    section = text.partition("## Which fields")[2].partition("\n## ")[0]
    told = section.partition("What is personal in an order:")[2].partition("\n\n")[0]
    orders, _, carts = told.partition("In a cart:")
    assert set(re.findall(r"`([^`]+)`", orders)) == set(document.PERSONAL)
    assert set(re.findall(r"`([^`]+)`", carts)) == set(cart.PERSONAL)
