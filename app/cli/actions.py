"""Flags of a command that has several actions: each says to which of them it belongs, and with any other it is refused, not ignored."""
from __future__ import annotations

import argparse
from typing import Any

from app.errors import BadInput


class Actions:
    """The flags of a command by its actions."""

    def __init__(self, sub: argparse.ArgumentParser) -> None:
        self._sub = sub
        self.known: dict[str, tuple[str, tuple[str, ...], Any]] = {}           # flag, actions and default by the name among the arguments
        sub.set_defaults(flags=self)

    def add(self, flag: str, of: tuple[str, ...], help: str, default: Any = None, **more: Any) -> None:
        """Like `add_argument`; of: the actions that read the flag."""
        # What was not given is not there at all, so that a value that is the default is known to be given.
        action = self._sub.add_argument(flag, default=argparse.SUPPRESS, help=f"{', '.join(of)}: {help}", **more)
        self.known[action.dest] = flag if flag.startswith("-") else flag.upper(), of, default

    def settle(self, args: argparse.Namespace, action: str) -> None:
        """Give what was left out its default. Raises BadInput for what belongs to other actions."""
        for name, (flag, of, default) in self.known.items():
            if not hasattr(args, name):
                setattr(args, name, default)
            elif action not in of:
                raise BadInput(f"{flag} says nothing to {args.command} {action}, only to {', '.join(of)}; leave it out.")
