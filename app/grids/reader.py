"""What there is to read of a comparison: settings of a cell, charts, distances, likelihoods, files to take away."""
from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from app.drawing.artist import Artist
from app.errors import BadInput
from app.grids import points as grid_charts
from app.grids.ask import ENDINGS
from app.grids.export import export, facts
from app.grids.grids import Grids
from app.grids.likelihood import bits_per_dim
from pipelines.effects import SIDES
from pipelines.options import quoted
from storage import StorageError


class GridReading:
    """Raises `app.errors.sentences`. artist: looks at pictures with a model."""

    def __init__(self, grids: Grids, exports: Path, artist: Artist) -> None:
        self._grids, self._storage, self._exports, self._artist = grids, artist.storage, exports, artist

    def cell(self, grid_id: str, i: int) -> dict[str, Any]:
        """The settings that a cell really used."""
        live = self._grids.find(grid_id)
        if not 0 <= i < len(live.cells):
            raise BadInput(f"The grid has {len(live.cells)} cells; there is none with the number {i}.")
        settings = live.cells[i].settings
        plain = {name: value for name, value in settings.items() if name != "options"} | settings.get("options", {})
        own_size = [side for side in SIDES if plain.get(side) == 0]
        facts = {name.replace("_", " ").capitalize(): str(value) for name, value in plain.items()
                 if value not in ("", None) and name not in own_size}
        return {"facts": facts}

    def table(self, grid_id: str) -> list[dict[str, Any]]:
        """All cells as lines of a table, for scripts; "paths" are the files of the images, None for one that is gone."""
        live = self._grids.find(grid_id)
        return [facts(live, i) | {"paths": [self._file(image) for image in live.cells[i].images]} for i in range(len(live.cells))]

    def _file(self, image_id: str) -> str | None:
        with suppress(StorageError):
            return str(self._storage.path(image_id))
        return None

    def chart(self, grid_id: str, what: str) -> dict[str, Any]:
        """Error or accuracy against NFE, or quality against seconds."""
        return grid_charts.chart(self._grids.find(grid_id), what)

    def frechet(self, grid_id: str) -> list[dict[str, Any]]:
        """Fréchet distance of every line, where there are enough pictures."""
        return grid_charts.frechet(self._grids.find(grid_id), self._grids.store.pixels)

    def bits(self, grid_id: str, i: int) -> dict[str, Any]:
        """Bits per dimension of a cell's pictures, or why there are none."""
        images = self._grids.images(grid_id).get(i)
        if not images:
            raise BadInput("That cell has no picture yet; let it be drawn first.")
        settings = self._grids.find(grid_id).cells[i].settings
        if not settings:
            raise BadInput("That cell was kept without its settings; draw it anew to measure it.")
        pixels = np.stack([self._grids.store.pixels(image) for image in images])
        return bits_per_dim(self._artist, settings, pixels)

    def snapshot(self, cell_id: str) -> bytes:
        """PNG of what a longer run looked like after as many steps as a cell takes."""
        return self._storage.snapshots.get(cell_id)

    def export(self, grid_id: str, ending: str, excel: bool = False) -> Path:
        """A file to take away: png (a ZIP of several, if it is large), csv, json or html; excel: a CSV file that Excel reads."""
        if not re.fullmatch(r"[a-z]{1,8}", ending):
            raise BadInput(f"A grid is exported as {', '.join(ENDINGS)}; you asked for {quoted(repr(ending))}.")
        live = self._grids.find(grid_id)
        return self.write(grid_id, self._exports / f"grid-{live.id[:12]}{'-excel' * excel}.{ending}", excel)

    def write(self, grid_id: str, path: Path, excel: bool = False) -> Path:
        """The same into a file of the user's; returns the one that it came to."""
        return export(self._grids.find(grid_id), self._grids.record(grid_id).settings, self._storage, path, excel)
