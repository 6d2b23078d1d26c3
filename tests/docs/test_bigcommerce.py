"""The page on BigCommerce and the adapter name the same endpoints, scopes and switches."""

from __future__ import annotations

import ast
import re

from syncd.core.signal import Kind
from syncd.simulator.bigcommerce.settings import Switches
from syncd.stores.bigcommerce.hooks import SCOPES
from tests.docs.pages import PROJECT, SPAN
from tests.stores.test_bigcommerce_stock_table import SWITCHES

PAGE = (PROJECT / "docs" / "bigcommerce.md").read_text("utf-8")
ADAPTER = PROJECT / "syncd" / "stores" / "bigcommerce"
ROW = re.compile(r"^\| ([^|]+) \| (yes|rarely|no) \| [^|]+ \|$", re.MULTILINE)
PATH = re.compile(r"/v[23]/[\w/{}-]+")


def told(*, used: bool) -> set[str]:
    """The names in the first cells of the page's tables of what is used, or not."""
    return {name for cell, word in ROW.findall(PAGE) if (word != "no") == used for name in SPAN.findall(cell)}


def text_of(node: ast.AST) -> str:
    """A string as it stands in the code; what is filled in is an id."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "/v3/hooks" if isinstance(node.value, ast.Name) and node.value.id == "PATH" else "{id}"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def asked_for() -> set[str]:
    """Every path in the adapter's code."""
    nodes = [node for file in ADAPTER.glob("*.py") for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    texts = [text_of(node) for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)]
    return {text for text in texts if PATH.fullmatch(text) and not text.endswith("/")}


def test_every_path_that_the_adapter_asks_for_is_in_the_page_as_used_and_the_others_are_not():
    paths = {name for name in told(used=True) if name.startswith("/")}
    assert asked_for() == paths
    assert "/v3/hooks/{id}" in paths, "the paths made of parts are found"


def test_the_scopes_of_the_webhooks_are_in_the_page():
    used = {scope for kind in (Kind.ORDER, Kind.CART, Kind.ITEM) for scope in SCOPES[kind]}
    assert {name for name in told(used=True) if name.startswith("store/")} == used
    assert not used & told(used=False)


def test_the_page_names_every_switch_of_the_simulated_shop_that_says_when_orders_move_stock():
    _, _, after = PAGE.partition("## Where the documents are silent")
    section, _, _ = after.partition("\n## ")
    named = {name for name in SPAN.findall(section) if name in Switches.__struct_fields__}
    assert named == {*SWITCHES, "aggregated_locations", "pick_lists_adjust_inventory"} - {"unpaid_status"}


def test_the_page_names_switches_that_there_are_for_what_else_is_left_open():
    _, _, after = PAGE.partition("## What else is left open")
    section, _, _ = after.partition("\n## ")
    named = {
        name for row in section.splitlines() if row.startswith("|") for name in SPAN.findall(row.rpartition(" | ")[2])
    }
    assert len(named) == 11
    assert named <= set(Switches.__struct_fields__)
