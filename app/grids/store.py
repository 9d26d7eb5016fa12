"""Where a comparison's cells, their pictures and their snapshots are kept."""
from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from app.drawing.png import encode_png
from app.errors import UserError
from app.grids.state import CellState, LiveGrid
from storage import Storage


@contextmanager
def reading() -> Iterator[None]:
    """A picture that cannot be read is a sentence for people."""
    try:
        yield
    except (OSError, ValueError, SyntaxError, struct.error) as error:           # what Pillow raises for damaged files
        raise UserError(f"A kept picture could not be read ({error}); draw it again from its settings.") from error


class GridStore:
    """Every method raises UserError with one sentence."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def save_cell(self, live: LiveGrid, i: int, cell: CellState) -> None:
        layer, row, column = live.place(i)
        self._storage.save_cell(live.id, layer, row, column, **cell.row())

    def pixels(self, image_id: str) -> np.ndarray:
        """(H, W, 3) uint8 of a stored picture."""
        with reading(), Image.open(self._storage.path(image_id)) as image:
            return np.asarray(image.convert("RGB"))

    def save_snapshot(self, cell: str, pixels: np.ndarray) -> None:
        """Pictures (B, H, W, 3) uint8, one beneath the other."""
        self._storage.snapshots.put(cell, encode_png(np.concatenate(list(pixels))))

    def snapshot(self, cell: str, height: int) -> np.ndarray:
        """Pictures (B, height, W, 3) uint8."""
        with reading(), Image.open(io.BytesIO(self._storage.snapshots.get(cell))) as image:
            tall = np.asarray(image.convert("RGB"))
        return tall.reshape(-1, height, tall.shape[1], 3)
