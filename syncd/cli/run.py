"""`syncd run`: the daemon, with as little around it as can be."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from syncd.cli.folder import CONFIG_VARIABLE, DEFAULT_CONFIG, load_folder


def run_daemon(arguments: Sequence[str]) -> int:
    """Parse the few options and run until stopped."""
    parser = argparse.ArgumentParser(prog="syncd run", description="Run the daemon until it is stopped.")
    parser.add_argument("--config", "-c", type=Path, default=Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG))
    try:
        options = parser.parse_args(list(arguments))
    except SystemExit as usage:
        return int(usage.code or 0)
    from syncd import daemon  # noqa: PLC0415 - a mistake in the arguments is told at once

    configuration = load_folder(options.config)
    if configuration.settings is None or not configuration.tenants:
        for problem in configuration.errors:
            print(f"syncd: {problem}", file=sys.stderr)
    return daemon.run(configuration, lambda: load_folder(options.config))
