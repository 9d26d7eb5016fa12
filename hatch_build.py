"""What an installation needs is what launch.py installs: requirements.txt stays the one list."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Requirements(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        metadata["dependencies"] = (Path(self.root) / "requirements.txt").read_text(encoding="utf-8").splitlines()
