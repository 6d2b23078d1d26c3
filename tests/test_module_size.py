"""One noun a module, one verb phrase a function: what outgrows these limits has a second one in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60  # without its docstring: explaining is not forbidden
FOLDERS = ("syncd", "benchmarks")


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def offenders(name: str, source: str) -> Iterator[str]:
    length = len(source.splitlines())
    if length > MODULE_LINES_MAX:
        yield f"{name}: {length} lines, {MODULE_LINES_MAX} are allowed"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = function_lines(node)
            if lines > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES_MAX} are allowed"


def test_no_module_and_no_function_has_outgrown_its_noun_or_verb():
    paths = sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
    assert len(paths) > 5, "the package was not found"
    found = [line for path in paths for line in offenders(str(path.relative_to(PROJECT)), path.read_text("utf-8"))]
    assert not found, "\n".join(["", *found])


def test_a_long_module_and_a_long_function_are_found():
    assert list(offenders("long.py", "x = 1\n" * (MODULE_LINES_MAX + 1)))
    assert not list(offenders("fits.py", "x = 1\n" * MODULE_LINES_MAX))
    body = "    x = 1\n" * FUNCTION_LINES_MAX
    assert list(offenders("long.py", f"async def f():\n{body}"))
    assert not list(offenders("fits.py", f'def f():\n    """One.\n\n    Two.\n    """\n{body[10:]}'))
