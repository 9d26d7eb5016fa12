"""A comparison as labelled pictures: tiles of a size that can be opened, each with the labels that it needs to be read alone."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from app.grids.lettering import Block, wrapped
from app.grids.measures import of_distances
from app.grids.state import LiveGrid, equation

TILE = 4096                        # pixels of a picture's longer side at most; larger grids become several
SIDE = 96                          # pixels with which small pictures are drawn
MARGIN, GAP = 12, 6
LABEL, SMALL = 15, 12              # sizes of letters
WIDEST = 220                       # pixels to which long labels widen a column, beyond which they are wrapped


@dataclass(frozen=True)
class Tile:
    """A part of a grid."""
    layer: int
    rows: range
    columns: range


@dataclass(frozen=True)
class Words:
    """A label with its upper left corner."""
    x: int
    y: int
    block: Block
    colour: str


def caption(live: LiveGrid, i: int) -> str:
    """"20 NFE · 0.31 s · d(ODE) 0.021"."""
    cell = live.cells[i]
    if cell.seconds is None:
        return cell.status
    parts = [f"{cell.nfe} NFE", f"{cell.seconds:.2f} s"]
    return " · ".join(parts + ([f"d({equation(cell)}) {cell.distance:.3f}"] if cell.distance is not None else []))


class Sheet:
    """How a grid is laid out; every column is as wide and every row as high as the largest needs."""

    def __init__(self, live: LiveGrid) -> None:
        self.live = live
        self.scale = max(1, SIDE // live.size)
        self.side = live.size * self.scale + 2
        self.across = live.count if live.count <= 4 else math.ceil(math.sqrt(live.count))      # pictures of a cell side by side,
        self.block = math.ceil(live.count / self.across) * self.side                           # and the height of them all
        labels = [(label, LABEL) for label in live.axes["x"]["labels"]] + [(caption(live, i), SMALL) for i in range(len(live.cells))]
        longest = max(wrapped(text, size, math.inf).width for text, size in labels)
        self.width = max(self.across * self.side, min(WIDEST, longest)) + MARGIN

    def _labels(self, axis: str, width: int) -> list[Block]:
        return [wrapped(label, LABEL, width) for label in self.live.axes[axis]["labels"]]

    @cached_property
    def columns(self) -> list[Block]:
        return self._labels("x", self.width - MARGIN)

    @cached_property
    def rows(self) -> list[Block]:
        return self._labels("y", WIDEST)

    @cached_property
    def captions(self) -> list[Block]:
        return [wrapped(caption(self.live, i), SMALL, self.width - MARGIN) for i in range(len(self.live.cells))]

    @cached_property
    def left(self) -> int:
        """Where the first column begins."""
        return 2 * MARGIN + max(block.width for block in self.rows)

    @cached_property
    def head(self) -> int:
        """Height of the columns' labels."""
        return max(block.height for block in self.columns) + GAP

    @cached_property
    def height(self) -> int:
        """Of a row."""
        below = GAP + max(block.height for block in self.captions)
        return max(self.block + below, *(block.height for block in self.rows)) + MARGIN

    def named(self, layer: int) -> str:
        """The grid's name, the layer, and what the distances beneath the cells are."""
        return " · ".join(filter(None, [self.live.name, self.live.axes["z"]["labels"][layer], *of_distances(self.live)]))

    def title(self, tile: Tile) -> Block:
        return wrapped(self.named(tile.layer), LABEL, self.breadth(len(tile.columns)) - 2 * MARGIN)

    def breadth(self, columns: int) -> int:
        """Of a tile."""
        return self.left + columns * self.width + MARGIN

    @cached_property
    def tiles(self) -> list[Tile]:
        """All parts, none larger than TILE unless a cell alone is."""
        rows, columns = len(self.rows), len(self.columns)
        across = max(1, min(columns, (TILE - self.left - MARGIN) // self.width))
        narrowest, layers = range(columns % across or across), range(len(self.live.axes["z"]["labels"]))
        top = max(self.title(Tile(layer, range(1), narrowest)).height for layer in layers)
        down = max(1, (TILE - 3 * MARGIN - top - self.head) // self.height)
        return [Tile(layer, range(row, min(rows, row + down)), range(column, min(columns, column + across)))
                for layer in layers for row in range(0, rows, down) for column in range(0, columns, across)]

    def places(self, tile: Tile) -> Iterator[tuple[int, int, int]]:
        """(cell, x, y) of the cells of a tile."""
        top = 2 * MARGIN + self.title(tile).height + self.head
        for r, row in enumerate(tile.rows):
            for c, column in enumerate(tile.columns):
                yield self.live.index(tile.layer, row, column), self.left + c * self.width, top + r * self.height

    def words(self, tile: Tile) -> Iterator[Words]:
        """All labels of a tile."""
        title = self.title(tile)
        yield Words(MARGIN, MARGIN, title, "#334155")
        for c, column in enumerate(tile.columns):
            yield Words(self.left + c * self.width, 2 * MARGIN + title.height, self.columns[column], "#0f172a")
        for i, x, y in self.places(tile):
            _, row, column = self.live.place(i)
            if column == tile.columns.start:
                yield Words(MARGIN, y + max(0, (self.block - self.rows[row].height) // 2), self.rows[row], "#0f172a")
            yield Words(x, y + self.block + GAP, self.captions[i], "#64748b")

    def draw(self, tile: Tile, pictures: Callable[[int], list[np.ndarray]]) -> Image.Image:
        """A tile; pictures: those of a cell, (H, W, 3) uint8."""
        size = self.breadth(len(tile.columns)), 3 * MARGIN + self.title(tile).height + self.head + len(tile.rows) * self.height
        sheet = Image.new("RGB", size, "#ffffff")
        for words in self.words(tile):
            words.block.draw(sheet, words.x, words.y, words.colour)
        for i, x, y in self.places(tile):
            for k, picture in enumerate(pictures(i)):
                image = Image.fromarray(picture)
                factor = min(self.scale, (self.side - 2) / max(image.size))
                big = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.NEAREST)
                sheet.paste(big, (x + k % self.across * self.side, y + k // self.across * self.side))
        return sheet
