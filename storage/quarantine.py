"""Where what does not belong among the pictures is put, with the reason beside it. Nothing is deleted or written over."""
from __future__ import annotations

import itertools
import os
from pathlib import Path


def printable(name: str) -> str:
    """A name as it can be shown, whatever bytes it is made of."""
    return "".join(letter if letter.isprintable() else "?" for letter in name.encode("utf-8", "backslashreplace").decode())


class Quarantine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = ""                               # of the folder that the last thing was put into

    def take(self, path: str, why: str) -> str | None:
        """Move whatever is at a path (a file, a folder, a pipe) here; returns why it could not be, None if it was."""
        try:
            place = self._place()
            target = self._free(place, os.path.basename(path))
            os.rename(path, target)
            target.with_name(target.name + ".txt").write_text(f"{printable(path)}: {why}\n", encoding="utf-8")
        except OSError as error:
            return error.strerror or str(error)
        self.name = place.name
        return None

    def _place(self) -> Path:
        """The folder, made if it is not there; another name if something else has taken its own."""
        for number in itertools.count(1):
            place = self._folder / ("quarantine" if number == 1 else f"quarantine-{number}")
            if not os.path.lexists(place):
                place.mkdir()
            if place.is_dir():
                return place
        raise AssertionError("unreachable")

    def _free(self, place: Path, name: str) -> Path:
        """A name that nothing has, short enough for one more ending."""
        stem, ending = os.path.splitext(name)
        stem = stem[:60]
        for number in itertools.count(1):
            path = place / (f"{stem}{ending[:20]}" if number == 1 else f"{stem}-{number}{ending[:20]}")
            if not os.path.lexists(path):
                return path
        raise AssertionError("unreachable")
