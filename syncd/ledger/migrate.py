"""Bring the ledger to this version's schema: all of it in one transaction, so that a kill leaves the old one or the new.

SQLite's DDL is transactional once nothing commits behind one's back, and nothing does here (`connection.py`). Alembic
is imported only when there is something to migrate: it costs memory and half a second, and on most starts there is not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from syncd.errors import BugError, MisconfiguredError

HEAD = "0013"  # the newest revision in `migrations/versions`; a test holds the two together
PROGRESS_STEPS = 10_000_000  # of SQLite's machine between two signs of progress: about a second
SCRIPTS = Path(__file__).parent / "migrations"


def current(engine: Engine) -> str | None:
    """The ledger's revision; None: it has no tables yet."""
    with engine.connect() as connection:
        return _revision(connection)


def upgrade(
    engine: Engine, *, head: str = HEAD, scripts: Path = SCRIPTS, progress: Callable[[], None] = lambda: None
) -> bool:
    """Migrate the ledger to `head`; say whether there was anything to do. `progress` is called at the beginning, and again
    and again while SQLite works, never while it waits.

    Raises MisconfiguredError when the ledger's revision is unknown here: a newer syncd has written it.
    """
    if current(engine) == head:
        return False
    progress()
    _migrate(engine, head, scripts, progress)
    return True


def _migrate(engine: Engine, head: str, scripts: Path, progress: Callable[[], None]) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's head
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Rebuilding a table (batch mode) drops it; with foreign keys on, that would delete the rows that refer to
            # it. The pragma does nothing inside a transaction, so it goes to the driver, before the transaction.
            _foreign_keys_off(connection)
            _tell_progress(connection, progress)
        with connection.begin():
            revision = _revision(connection)  # read again under the write lock
            if revision is not None and revision not in known:
                raise MisconfiguredError(
                    f"the ledger was written by a newer syncd (revision {revision}; this one knows up to {head})",
                    operation="migrate",
                    hint="install the newer syncd again, or restore the backup from before the upgrade",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, head)
            if connection.dialect.name == "sqlite":
                _check_foreign_keys(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _foreign_keys_off(connection: Connection) -> None:
    """For this connection, which is closed after the migration."""
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.close()


def _tell_progress(connection: Connection, progress: Callable[[], None]) -> None:
    """Of this connection, too."""
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(progress, PROGRESS_STEPS)  # an answer other than None would stop the work


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise BugError(f"the migration would leave {len(broken)} rows without what they refer to", operation="migrate")
