"""The configuration's folder: where it is by default, and how a command reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from syncd.config.load import Configuration, load

CONFIG_VARIABLE: Final = "SYNCD_CONFIG"
DEFAULT_CONFIG: Final = "/etc/syncd"


def load_folder(folder: Path) -> Configuration:
    """Read the configuration. The variable that names the folder is no setting of it."""
    environment = {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE}
    return load(folder, environment)
