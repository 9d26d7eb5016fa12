"""Portraits put together from parts that were drawn once.

Every layer of a drawing has at most one colour that can be chosen. So what it shows is fixed + weight * colour, and what it leaves of the
layers below is 1 - cover, all three known for every pixel: `parts-SIDE.png` holds them, one row of two tiles for each part. On the left is
what is fixed, red, green and blue; on the right the weight (red) and the cover (green). `parts.json` names the rows, the layers from the
ground up, and the colours.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

GROUND = "background"


@dataclass(frozen=True)
class Layer:
    """Parts of which a picture shows one at most."""
    shows: str                               # the attribute that says which; "": the one that there is
    colour: str                              # the attribute that says its colour; "": all of it is fixed
    rows: Mapping[str, int]                  # value -> row of the sheet; values that are not there show nothing


@dataclass(frozen=True)
class Tile:
    """What a part in its colour adds to a picture, within the rectangle where it shows anything."""
    where: tuple[slice, slice]
    colour: np.ndarray                       # (h, w, 3) float32, 0..255, already times the cover
    left: np.ndarray                         # (h, w, 1) float32, 0..1: the share of what is below that stays


class Parts:
    """The parts of a set, read from its folder."""

    def __init__(self, folder: Path) -> None:
        said = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.sides: tuple[int, ...] = tuple(said["sides"])                       # in which they were drawn, the smallest first
        self.layers = tuple(Layer(**layer) for layer in said["layers"])
        self.colours: dict[str, dict[str, tuple[int, int, int]]] = {
            attribute: {name: tuple(rgb) for name, rgb in colours.items()} for attribute, colours in said["colours"].items()}
        self._sheet = cache(self._read_sheet)
        self._tile = cache(self._make_tile)

    def compose(self, attributes: Mapping[str, str], side: int) -> np.ndarray:
        """The picture (side, side, 3) uint8 of what the attributes say.

        Sides in which the parts were not drawn are averaged from the next larger one; ValueError where there is none.
        """
        drawn = next((drawn for drawn in self.sides if drawn >= side), None)
        if drawn is None or side < 1:
            raise ValueError(f"These pictures are drawn with a side of 1 to {self.sides[-1]} pixels; {side} was asked for.")
        image = np.empty((drawn, drawn, 3), np.float32)
        image[:] = self.colours[GROUND][attributes[GROUND]]
        for layer in self.layers:
            row = layer.rows.get(attributes[layer.shows] if layer.shows else "")
            if row is not None:
                tile = self._tile(drawn, row, self.colours[layer.colour][attributes[layer.colour]] if layer.colour else (0, 0, 0))
                part = image[tile.where]
                part *= tile.left
                part += tile.colour
        picture = (image + 0.5).astype(np.uint8)
        return picture if drawn == side else np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX))

    def compose_all(self, items: Iterable[Mapping[str, str]], side: int) -> np.ndarray:
        """Pictures (N, side, side, 3) of several."""
        return np.stack([self.compose(attributes, side) for attributes in items])

    def _read_sheet(self, side: int) -> np.ndarray:
        """(rows, side, 2 * side, 3) uint8."""
        return np.asarray(Image.open(self.folder / f"parts-{side}.png")).reshape(-1, side, 2 * side, 3)

    def _make_tile(self, side: int, row: int, colour: tuple[int, int, int]) -> Tile:
        sheet = self._sheet(side)[row].astype(np.float32)
        weight, cover = sheet[:, side:, :1] / 255, sheet[:, side:, 1:2] / 255
        rows, columns = (np.flatnonzero(cover[..., 0].any(axis)) for axis in (1, 0))
        where = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        return Tile(where, (sheet[:, :side] + weight * np.array(colour, np.float32))[where], (1 - cover)[where])
