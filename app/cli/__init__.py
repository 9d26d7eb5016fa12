"""The command line: the same service as the page."""
from __future__ import annotations

from app.cli.commands import main

__all__ = ["main"]
