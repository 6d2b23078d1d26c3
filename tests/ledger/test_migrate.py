from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from syncd.errors import MisconfiguredError
from syncd.ledger import migrate
from syncd.ledger.connection import ledger_path, write_engine
from syncd.ledger.hop import InlineHop
from syncd.ledger.tables import metadata
from tests.ledger.entries import opened

AFTER_HEAD = f"{int(migrate.HEAD) + 1:04}"
ONE_MORE = f"""
import sqlalchemy as sa
from alembic import op

revision = "{AFTER_HEAD}"
down_revision = "{migrate.HEAD}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("addition", sa.Column("key", sa.Text, nullable=False))
    with op.batch_alter_table("lease") as batch:  # SQLite builds the table anew and moves its rows
        batch.alter_column("holder", new_column_name="owner")
        batch.add_column(sa.Column("note", sa.Text, nullable=False, server_default=""))
    op.drop_table("addition")
    op.execute("UPDATE lease SET note = owner")
"""


def definitions(folder):
    """The statements that made each table and index, but Alembic's and SQLite's own."""
    with closing(sqlite3.connect(ledger_path(folder))) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in rows if not name.startswith(("alembic", "sqlite_"))}


def migrated(folder):
    folder.mkdir()
    engine = write_engine(ledger_path(folder))
    assert migrate.upgrade(engine)
    return engine


def test_the_migrations_make_exactly_the_tables_of_the_schema(tmp_path):
    """Where this fails, `schema.py` was changed without a migration (before the first release: without v0001)."""
    engine = migrated(tmp_path / "migrated")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []
    (tmp_path / "created").mkdir()
    metadata.create_all(write_engine(ledger_path(tmp_path / "created")))
    assert definitions(tmp_path / "migrated") == definitions(tmp_path / "created")


def test_the_comparison_sees_a_column_that_no_migration_makes(tmp_path):
    engine = migrated(tmp_path / "migrated")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE lease DROP COLUMN holder")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata)


def test_the_schema_is_one_that_postgresql_can_serve():
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            made = str(CreateIndex(index).compile(dialect=dialect))
            partial = index.dialect_options["sqlite"]["where"]
            assert (" WHERE " in made) == (partial is not None), f"{index.name} is partial on one database only"


def test_every_constraint_and_index_has_a_name_for_later_migrations():
    for table in metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints)
        assert all(index.name for index in table.indexes)


def test_the_head_is_the_newest_script():
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_ledger_at_head_is_left_alone(tmp_path):
    engine = migrated(tmp_path / "state")
    assert migrate.current(engine) == migrate.HEAD
    assert not migrate.upgrade(engine)


def test_alembic_is_imported_only_when_there_is_something_to_migrate(template, tmp_path, project_folder):
    script = """
import sys
from pathlib import Path
from syncd.clock import SystemClock
from syncd.ledger.hop import InlineHop
from syncd.ledger.ledger import open_ledger
open_ledger(Path(sys.argv[1]), clock=SystemClock(), hop=InlineHop())
print("alembic" in sys.modules)
"""
    for folder, imported in ((shutil.copytree(template, tmp_path / "old"), b"False"), (tmp_path / "new", b"True")):
        ran = subprocess.run(
            [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, cwd=project_folder
        )
        assert ran.stdout.strip() == imported


def test_a_ledger_of_a_newer_syncd_is_refused_untouched(folder):
    with closing(sqlite3.connect(ledger_path(folder))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = definitions(folder)
    with pytest.raises(MisconfiguredError, match="newer syncd") as caught:
        opened(folder, InlineHop())
    assert caught.value.hint
    assert definitions(folder) == before
    with pytest.raises(MisconfiguredError, match="newer syncd"):  # and the lock was released
        opened(folder, InlineHop())


@pytest.fixture
def scripts(tmp_path):
    """This version's migrations, and one more that rebuilds a table."""
    folder = shutil.copytree(migrate.SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"v{AFTER_HEAD}_one_more.py").write_text(ONE_MORE)
    return folder


def test_a_migration_that_rebuilds_a_table_keeps_its_rows(folder, scripts):
    with closing(sqlite3.connect(ledger_path(folder))) as connection, connection:
        connection.execute("INSERT INTO lease (tenant, epoch, holder, expires) VALUES ('t', 1, 'me', 2)")
    engine = write_engine(ledger_path(folder))
    assert migrate.upgrade(engine, head=AFTER_HEAD, scripts=scripts)
    with engine.connect() as after:
        assert after.exec_driver_sql("SELECT tenant, epoch, owner, note FROM lease").one() == ("t", 1, "me", "me")
        assert after.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("start", ["nothing", "the first version"])
def test_a_kill_at_any_point_of_a_migration_leaves_the_old_schema_or_the_new_one(
    start, template, scripts, tmp_path, project_folder
):
    begin, head, stride = (tmp_path / "absent", migrate.HEAD, 3) if start == "nothing" else (template, AFTER_HEAD, 1)
    arguments = [str(begin), str(tmp_path / "work"), head, str(scripts), str(stride)]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.ledger.killed_migration", *arguments],
        check=True,
        capture_output=True,
        cwd=project_folder,
    )
    found = json.loads(ran.stdout)
    last = found.pop()
    assert not last["killed"]
    assert len(found) > 10, "too few kills to mean anything"
    old, new = found[0]["left"], last["left"]
    assert old != new
    for attempt in found:
        assert attempt["killed"]
        assert attempt["left"] == old, "nothing of it is there before its COMMIT"
        assert (attempt["then"], attempt["head"]) == (new, head), "and the next start brings it about"


def test_a_migration_says_again_and_again_that_it_makes_progress_and_a_start_without_one_says_nothing(
    tmp_path, scripts, template, monkeypatch
):
    monkeypatch.setattr(migrate, "PROGRESS_STEPS", 50)
    folder = tmp_path / "work"
    shutil.copytree(template, folder)
    signs = []
    engine = write_engine(ledger_path(folder))
    assert migrate.upgrade(engine, head=AFTER_HEAD, scripts=scripts, progress=lambda: signs.append(1))
    assert len(signs) > 10
    signs.clear()
    assert not migrate.upgrade(engine, head=AFTER_HEAD, scripts=scripts, progress=lambda: signs.append(1))
    assert not signs


def test_signals_of_before_there_were_kinds_are_orders(tmp_path):
    engine = write_engine(ledger_path(tmp_path))
    assert migrate.upgrade(engine, head="0006")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO signal VALUES ('acme', 'us', '7', 1, 2)")
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM signal").all() == [("acme", "us", "order", "7", 1, 2)]
