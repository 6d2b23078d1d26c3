"""Ctrl-C before the daemon watches its signals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd import daemon
from syncd.config.load import load

TENANT = """
returns = "store"
[erp]
kind = "embedded"
[stores.us]
kind = "bigcommerce"
store_hash = "abc"
baseline = "counted"
"""


def test_ctrl_c_while_the_daemon_starts_is_a_stop_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "syncd.toml").write_text('state_dir = "state"\n')
    (tmp_path / "tenants" / "acme.toml").write_text(TENANT)

    async def interrupted(*given: Any) -> int:
        await given[2].close()
        raise KeyboardInterrupt

    monkeypatch.setattr(daemon, "_run", interrupted)
    configuration = load(tmp_path, {"SYNCD_SECRET_ACME_US_ACCESS_TOKEN": "t0ken-value"})
    assert daemon.run(configuration) == daemon.EXIT_OK
    assert "daemon.stopped" in capsys.readouterr().out
