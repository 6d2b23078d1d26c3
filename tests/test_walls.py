"""The walls of ARCHITECTURE.md, read from the source: who may import whom, and where nothing may be kept.

Each rule is a function over a parsed module that gives complaints; the tests at the end show each rule a module that
breaks it, so that no rule can pass by finding nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[1]

EVERYWHERE = {"errors", "core"}
OUTSIDE = EVERYWHERE | {"ports", "observability"}  # what each part that touches the outside may lean on
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),  # syncd/__init__.py
    "errors": set(),
    "core": {"errors"},
    "ports": EVERYWHERE,
    "clock": EVERYWHERE | {"ports"},
    "observability": EVERYWHERE | {"ports"},
    "config": EVERYWHERE
    | {"observability"},  # beside app: only app, control and the command line read settings objects
    "ledger": OUTSIDE,
    "transport": OUTSIDE,
    "stores": OUTSIDE | {"transport"},
    "erps": OUTSIDE | {"transport"},
    "sinks": OUTSIDE | {"transport"},
    "inbox": OUTSIDE,
    "testing": OUTSIDE,
    "simulator": set(),  # it shares nothing with what it checks, not even core
    "reconcile": OUTSIDE | {"ledger", "transport"},  # stores and ERPs by their ports alone
    "engine": OUTSIDE | {"ledger", "transport", "reconcile"},
    "control": OUTSIDE | {"ledger", "transport", "reconcile", "engine", "config"},
    "page": OUTSIDE | {"ledger", "reconcile", "engine", "control", "inbox"},
    "private": OUTSIDE | {"ledger", "engine", "control", "config", "page"},
}
TOP = {
    "adapters",
    "app",
    "reload",
    "daemon",
    "cli",
    "demo",
    "__main__",
}  # where concrete classes meet: may import all ...
MAY_IMPORT_APP = {"reload", "daemon", "cli", "demo", "__main__"}  # ... but nobody below imports app or adapters
MAY_IMPORT_SIMULATOR = {"cli", "demo", "__main__"}  # and the daemon itself knows no simulator

CORE_BANS = {"asyncio", "anyio", "aiohttp", "sqlite3", "sqlalchemy", "time", "random", "logging"}
THREAD_BANS = {"threading", "concurrent", "multiprocessing", "_thread"}
MAY_HAVE_A_THREAD = {"ledger"}  # its writer and its reader; the rest is structured concurrency
NO_NOUNS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
PORT_METHODS_MAX = 6

MUTABLE_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MUTABLE_MAKERS = {"dict", "list", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict", "ChainMap"}
MUTABLE_MAKERS |= {"WeakValueDictionary", "WeakKeyDictionary", "WeakSet", "CollectorRegistry", "ContextVar"}
MUTATORS = {"append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "insert", "remove", "discard"}
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*|__\w+__")


class Module(NamedTuple):
    """One parsed module of the package."""

    name: str  # "syncd.core.quantity"
    is_package: bool
    tree: ast.Module

    @property
    def part(self) -> str:
        """The part of the house it lies in: "core", "cli"; "" for the package itself."""
        names = self.name.split(".")
        return names[1] if len(names) > 1 else ""


def modules(root: Path) -> list[Module]:
    found = []
    for path in sorted((root / "syncd").rglob("*.py")):
        names = list(path.relative_to(root).with_suffix("").parts)
        is_package = names[-1] == "__init__"
        if is_package:
            names.pop()
        found.append(Module(".".join(names), is_package, ast.parse(path.read_text("utf-8"), str(path))))
    return found


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Every module named by an import, also under TYPE_CHECKING and inside functions, with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                package = module.name.split(".")
                keep = len(package) - node.level + (1 if module.is_package else 0)
                origin = ".".join([*package[:keep], *([node.module] if node.module else [])])
            # `from syncd import app` names a module too
            yield from (
                (node.lineno, f"{origin}.{alias.name}" if origin == "syncd" else origin) for alias in node.names
            )


def crossings(module: Module) -> Iterator[str]:
    """Imports that go through a wall."""
    if module.part not in MAY_IMPORT and module.part not in TOP:
        yield f"{module.name}: a part the walls don't know; say in MAY_IMPORT what it may lean on"
        return
    for line, name in imports(module):
        top, _, rest = name.partition(".")
        part = rest.split(".")[0]
        if top != "syncd" or part in {"", "__version__"} or part == module.part:
            continue
        if part in {"app", "adapters"}:
            allowed = module.part in MAY_IMPORT_APP | ({"app"} if part == "adapters" else set())
        elif part == "simulator":
            allowed = module.part in MAY_IMPORT_SIMULATOR
        else:
            allowed = module.part in TOP or part in MAY_IMPORT[module.part]
        if not allowed:
            yield f"{module.name}:{line}: may not import {name}"


def sibling_imports(module: Module) -> Iterator[str]:
    """One platform's package that imports another's: what stores (or ERPs) share lies in modules beside the packages."""
    names = module.name.split(".")
    if module.part not in {"stores", "erps"} or len(names) < 3:
        return
    for line, name in imports(module):
        other = name.split(".")
        if other[:2] == names[:2] and len(other) > 3 and other[2] != names[2]:
            yield f"{module.name}:{line}: may not look into {name}"


def banned_imports(module: Module) -> Iterator[str]:
    """The core is pure; threads are the ledger's alone."""
    for line, name in imports(module):
        top = name.split(".")[0]
        if module.part == "core" and top in CORE_BANS:
            yield f"{module.name}:{line}: core is pure, it may not import {name}"
        if top in THREAD_BANS and module.part not in MAY_HAVE_A_THREAD:
            yield f"{module.name}:{line}: no threads here ({name})"


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        maker = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return maker in MUTABLE_MAKERS
    return isinstance(value, MUTABLE_DISPLAYS)


def shared_statements(body: list[ast.stmt], *, in_class: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Statements that run once for all: of the module and its classes, under `if` and `try` too; never of functions."""
    for node in body:
        yield node, in_class
        if isinstance(node, ast.ClassDef):
            yield from shared_statements(node.body, in_class=True)
        for block in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                yield from shared_statements(getattr(node, block, []), in_class=in_class)


def kept_state(module: Module) -> Iterator[str]:
    """Anything that outlives one incarnation: module-level containers, `global`, caches, constants that are changed."""
    constants: set[str] = set()
    for node, in_class in shared_statements(module.tree.body):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not in_class:
            names = [] if "Final" in ast.unparse(node.annotation) else [node.target.id]
            constants |= {node.target.id} - set(names)
        else:
            continue  # an annotated name in a class is a field: frozen values and models copy its default
        if is_mutable(node.value):
            constants |= {name for name in names if CONSTANT.fullmatch(name)}
            for name in names:
                if not CONSTANT.fullmatch(name):
                    yield f"{module.name}:{node.lineno}: mutable module state: {name}"
    for inner in ast.walk(module.tree):
        yield from (f"{module.name}:{getattr(inner, 'lineno', 0)}: {what}" for what in changes(inner, constants))


def changes(node: ast.AST, constants: set[str]) -> Iterator[str]:
    """What in this node keeps or changes shared state."""
    if isinstance(node, ast.Global):
        yield f"global {', '.join(node.names)}"
    if isinstance(node, ast.ImportFrom) and node.module == "functools":
        yield from (f"functools.{alias.name}" for alias in node.names if alias.name in {"cache", "lru_cache"})
    if isinstance(node, ast.Attribute) and node.attr in {"cache", "lru_cache"}:
        yield from ("functools cache" for _ in [0] if getattr(node.value, "id", "") == "functools")
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield from (f"changes the constant {name}" for name in [getattr(node.value, "id", "")] if name in constants)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        name = getattr(node.func.value, "id", "")
        yield from (f"changes the constant {name}" for _ in [0] if name in constants)


def vague_names(module: Module) -> Iterator[str]:
    """One noun a module: these are none."""
    last = module.name.rsplit(".", 1)[-1]
    if last.strip("_") in NO_NOUNS:
        yield f"{module.name}: name it after the noun it is about"


def wide_ports(module: Module) -> Iterator[str]:
    """A port is a Protocol of few methods, so that its fake fits on a page."""
    if module.part != "ports":
        return
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(parent) for parent in node.bases):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            if len(methods) > PORT_METHODS_MAX:
                yield f"{module.name}:{node.lineno}: {node.name} has {len(methods)} methods, {PORT_METHODS_MAX} are allowed"


RULES: list[Callable[[Module], Iterator[str]]] = [
    crossings, sibling_imports, banned_imports, kept_state, vague_names, wide_ports,
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_walls(rule):
    house = modules(PROJECT)
    assert len(house) > 5, "the package was not found"
    complaints = [complaint for module in house for complaint in rule(module)]
    assert not complaints, "\n".join(["", *complaints])


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (crossings, "syncd.core.order", "from syncd.ports.clock import Clock"),
        (crossings, "syncd.core.order", "def f():\n    import syncd.ledger.writer"),
        (crossings, "syncd.stores.woocommerce.client", "from syncd.ledger import writer"),
        (crossings, "syncd.erps.http.client", "from syncd.stores.woocommerce import wire"),
        (crossings, "syncd.stores.woocommerce.client", "from ...ledger.writer import Ledger"),
        (crossings, "syncd.reconcile.orders", "from syncd.config import load"),
        (crossings, "syncd.reconcile.orders", "from syncd.stores.bigcommerce import client"),
        (crossings, "syncd.engine.supervisor", "from syncd import app"),
        (crossings, "syncd.app", "from syncd.simulator import shop"),
        (crossings, "syncd.simulator.shop", "from syncd.core.quantity import UNIT"),
        (crossings, "syncd.simulator.shop", "from syncd import errors"),
        (crossings, "syncd.novelty", "import json"),
        (sibling_imports, "syncd.stores.woocommerce.client", "from syncd.stores.bigcommerce.wire import X"),
        (sibling_imports, "syncd.stores.woocommerce.client", "from ..bigcommerce.wire import X"),
        (banned_imports, "syncd.core.order", "import time"),
        (banned_imports, "syncd.core.order", "from sqlalchemy import select"),
        (banned_imports, "syncd.reconcile.orders", "from threading import Lock"),
        (kept_state, "syncd.transport.breaker", "breakers = {}"),
        (kept_state, "syncd.transport.breaker", "if True:\n    seen: list[str] = []"),
        (kept_state, "syncd.transport.breaker", "class Breaker:\n    known = set()"),
        (kept_state, "syncd.transport.breaker", "from collections import deque\nqueue = deque()"),
        (kept_state, "syncd.transport.breaker", "def f():\n    global x\n    x = 1"),
        (kept_state, "syncd.transport.breaker", "import functools\n@functools.cache\ndef f(): ..."),
        (kept_state, "syncd.transport.breaker", "from functools import lru_cache"),
        (kept_state, "syncd.transport.breaker", "SEEN = {}\ndef f(key):\n    SEEN[key] = 1"),
        (kept_state, "syncd.transport.breaker", "SEEN: Final = []\ndef f(key):\n    SEEN.append(key)"),
        (vague_names, "syncd.core.utils", ""),
        (
            wide_ports,
            "syncd.ports.store",
            "class P(Protocol):\n" + "".join(f"    def m{n}(self): ...\n" for n in range(7)),
        ),
    ],
)
def test_a_module_that_breaks_a_rule_is_found(rule, name, source):
    assert list(rule(Module(name, is_package=False, tree=ast.parse(source))))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("syncd.stores.woocommerce.client", "from ..paging import Page\nfrom syncd.transport.client import Client"),
        ("syncd.cli", "def run():\n    from syncd.app import serve\n    from syncd import simulator, __version__"),
        ("syncd.ledger.writer", "import threading\nLIMITS = {'a': 1}\n__all__ = ['x']\nTABLE: Final = [1]"),
        ("syncd.core.order", "def f():\n    seen = {}\n    seen['a'] = 1\n    return seen"),
        ("syncd.config.tenant", "class Store(Model):\n    skus: dict[str, str] = {}\n    TABLE = {1: 2}"),
    ],
)
def test_a_module_that_keeps_the_rules_is_left_in_peace(name, source):
    module = Module(name, is_package=False, tree=ast.parse(source))
    assert not [complaint for rule in RULES for complaint in rule(module)]
