"""The temporary folder with everything of one demo: the configuration, the state, the ERP's book, the logs."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from syncd.clock import SystemChance, SystemClock
from syncd.core.quantity import UNIT
from syncd.demo.assortment import LOCATION, TENANT, opening_csv
from syncd.demo.shops import KEY, SECRET, STORES, TOKEN, hash_of
from syncd.erps.embedded.book import StockBook
from syncd.erps.embedded.opening import import_opening

LEVELS_MAX: Final = 1_000  # of the ERP in one look; the assortment is far smaller

SYNCD_TOML = """\
state_dir = "../state"

[log]
format = "json"
level = "debug"

[shutdown]
drain_seconds = 5

[private]
listen = "127.0.0.1:{port}"
"""
TENANT_TOML = """\
returns = "store"      # restocking refunds in the shops raise the ERP
approve = "automatic"  # a demo: nobody looks at the first plan

[erp]
kind = "embedded"
"""
BIGCOMMERCE = """
[stores.{name}]
kind = "bigcommerce"
base_url = "{url}"
store_hash = "{hash}"
access_token_file = "token"
"""
WOOCOMMERCE = """
[stores.{name}]
kind = "woocommerce"
base_url = "{url}"
consumer_key_file = "key"
consumer_secret_file = "secret"
auth = "basic"
"""
BOTH = """\
baseline = "counted"
poll_seconds = 0.7
settle_seconds = 2
late_seconds = 8
quota_share = 1.0
read_items_every_seconds = 3
"""


class Premises:
    """The folder, and what can be seen in it while the daemon works there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.state = folder / "state"
        self.daemon_log = folder / "logs" / "daemon.jsonl"
        self.daemon_errors = folder / "logs" / "daemon.stderr"
        self.shops_errors = folder / "logs" / "shops.stderr"
        self.ledger = self.state / "ledger.sqlite3"
        self._book_path = self.state / "erp" / f"{TENANT}.sqlite3"
        self._book: StockBook | None = None
        self.page_port = 0

    def furnish(self, addresses: Mapping[str, str]) -> None:
        """Write the configuration for shops at these addresses, and import the ERP's opening stock from a CSV file."""
        tenants = self.config / "tenants"
        for folder in (tenants, self.state, self._book_path.parent, self.daemon_log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, secret in (("token", TOKEN), ("key", KEY), ("secret", SECRET)):
            (tenants / name).touch(mode=0o600)
            (tenants / name).write_text(secret)
        self.page_port = _free_port()
        (self.config / "syncd.toml").write_text(SYNCD_TOML.format(port=self.page_port))
        stores = [
            (BIGCOMMERCE if kind == "bigcommerce" else WOOCOMMERCE).format(
                name=name, url=addresses[name], hash=hash_of(name)
            )
            + BOTH
            for name, kind in STORES.items()
        ]
        (tenants / f"{TENANT}.toml").write_text(TENANT_TOML + "".join(stores))
        opening = self.folder / "opening.csv"
        opening.write_text(opening_csv())
        self._book = StockBook(
            self._book_path, clock=SystemClock(), chance=SystemChance(), name=TENANT, create=True, checkpoints=False
        )
        import_opening(self._book, opening)

    def close(self) -> None:
        """Let go of the ERP's book."""
        if self._book is not None:
            self._book.close()
            self._book = None

    def erp_levels(self) -> dict[str, int]:
        """What the ERP has of each SKU, as it shows it to anybody who asks."""
        assert self._book is not None
        levels = self._book.levels_since(0, LEVELS_MAX).levels
        return {sku: level // UNIT for (sku, location), level in levels.items() if location == LOCATION}

    def ledger_counts(self) -> dict[str, int]:
        """What the ledger holds, once the daemon is gone: moves that the ERP has confirmed, and what is in quarantine."""
        questions = {
            "moves": "SELECT count(*) FROM move WHERE state = 'confirmed'",
            "quarantined": "SELECT count(*) FROM quarantine",
        }
        if not self.ledger.is_file():
            return dict.fromkeys(questions, 0)
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            return {name: int(connection.execute(asked).fetchone()[0]) for name, asked in questions.items()}

    def skus_of_items(self) -> dict[tuple[str, str], str]:
        """The SKU behind each stock item of each shop, as far as the ledger knows them by now."""
        if not self.ledger.is_file():
            return {}
        try:
            with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=0.2)) as connection:
                rows = connection.execute("SELECT store, item, sku FROM listing WHERE item <> ''").fetchall()
        except sqlite3.Error:  # it is being made, or just killed: names are a comfort
            return {}
        return {(store, item): sku for store, item, sku in rows}


def _free_port() -> int:
    """One that nobody has just now. Should somebody take it meanwhile, there is no page, and everything else goes on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
