"""Statements about the rows whose key is among many values."""

from __future__ import annotations

import pytest

from syncd.errors import BugError
from syncd.ledger import migrate
from syncd.ledger.connection import ledger_path, write_engine
from syncd.ledger.rows import Among, OneRow, Rows
from syncd.ledger.schema import ingredient

READ = Among("SELECT sku, factor FROM ingredient WHERE tenant = :tenant AND factor >= :least AND sku IN :among")
RAISE = Among("UPDATE ingredient SET factor = factor + :by WHERE tenant = :tenant AND sku IN :among")
WRITE = Rows(ingredient, ["tenant", "sku", "store", "item", "factor"])


@pytest.fixture
def connection(tmp_path):
    engine = write_engine(ledger_path(tmp_path))
    migrate.upgrade(engine)
    with engine.begin() as opened:
        WRITE.write(opened, [(tenant, f"s{n}", "shop", "i", n) for tenant in ("a", "b") for n in range(2_000)])
        yield opened
    engine.dispose()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 511, 512, 513, 2_000])
def test_lists_of_any_length_find_each_row_once(connection, count):
    found = READ.read(connection, [f"s{n}" for n in range(count)], tenant="a", least=0)
    assert sorted(tuple(row) for row in found) == sorted((f"s{n}", n) for n in range(count))


def test_the_other_values_keep_their_places(connection):
    assert [tuple(row) for row in READ.read(connection, iter(["s1", "s5", "none"]), least=2, tenant="a")] == [("s5", 5)]


def test_a_row_is_changed_once_however_often_its_key_stands_in_the_list(connection):
    assert RAISE.change(connection, ["s1", "s1", "s2"], tenant="a", by=10) == 2
    assert sorted(tuple(row) for row in READ.read(connection, ["s1", "s2"], tenant="a", least=0)) == [
        ("s1", 11),
        ("s2", 12),
    ]
    assert [tuple(row) for row in READ.read(connection, ["s1"], tenant="b", least=0)] == [("s1", 1)]


def test_a_value_behind_the_list_would_be_bound_in_the_wrong_place():
    with pytest.raises(BugError, match="values after the list"):
        Among("SELECT 1 FROM line WHERE sku IN :among AND tenant = :tenant")


def test_one_row_is_changed_by_its_whole_key(connection):
    row = OneRow(ingredient)
    row.change(connection, ("a", "s1", "shop", "i"), {"factor": 77})
    assert [tuple(each) for each in READ.read(connection, ["s1", "s2"], tenant="a", least=3)] == [("s1", 77)]
    assert [tuple(each) for each in READ.read(connection, ["s1"], tenant="b", least=0)] == [("s1", 1)]


def test_a_column_that_is_none_is_refused_before_it_reaches_the_database(connection):
    with pytest.raises(BugError, match="unknown columns"):
        OneRow(ingredient).change(connection, ("a", "s1", "shop", "i"), {"factor = 1 --": 1})
