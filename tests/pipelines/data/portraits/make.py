"""Draws the parts of a set of portraits, and the originals that tests compare with. Needs node and, once, `npm install` beside this file.

    python -m tests.pipelines.data.portraits.make faces

writes `parts.json` and `parts-SIDE.png` into the set's folder and `originals.json` and `originals-SIDE.png` into that of its tests, and
says how far 1,000 pictures put together from the parts are from the original drawings, in grey levels.
"""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.data import dataset
from pipelines.data.portraits.parts import GROUND, Parts
from tests.pipelines.data.portraits.styles import STYLES, Style

HERE = Path(__file__).parent
SETS = HERE.parents[3] / "pipelines" / "data"
COMPARED, SEED, KEPT = 1000, 6, 40


def draw(style: Style, drawings: Sequence[Mapping[str, Any]], side: int, bare: bool = False) -> np.ndarray:
    """(N, side, side, 4) uint8 of drawings, each given by its options; colours are premultiplied. bare: see `Layer`."""
    jobs = [{"style": style.name, "options": {**style.always, **options}, "side": side, "bare": bare} for options in drawings]
    done = subprocess.run(["node", "draw.mjs"], cwd=HERE, input=json.dumps(jobs).encode(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, side, side, 4)


def sheet(style: Style, side: int) -> np.ndarray:
    """(rows * side, 2 * side, 3) uint8: see `pipelines.data.portraits.parts`."""
    rows = []
    for layer in style.layers:
        for part in layer.parts.values():
            black, white = draw(
                style, [{**part, **style.coloured(layer.colour, colour)} for colour in ("000000", "ffffff")], side, layer.bare)
            right = np.stack([white[..., 0] - black[..., 0], black[..., 3], 0 * black[..., 3]], -1)
            rows.append(np.concatenate([black[..., :3], right], 1))
    return np.concatenate(rows)


def described(style: Style) -> dict[str, Any]:
    """What `parts.json` holds."""
    layers, row = [], 0
    for layer in style.layers:
        layers.append({"shows": layer.shows, "colour": layer.colour, "rows": {value: row + k for k, value in enumerate(layer.parts)}})
        row += len(layer.parts)
    colours = {attribute: {name: tuple(bytes.fromhex(colour)) for name, colour in named.items()}
               for attribute, named in style.colours.items()}
    return {"sides": style.sides, "layers": layers, "colours": colours}


def originals(style: Style, items: Sequence[Mapping[str, str]], side: int) -> np.ndarray:
    """(N, side, side, 3) uint8: whole drawings."""
    drawings = []
    for attributes in items:
        options: dict[str, Any] = {"backgroundColor": [style.colours[GROUND][attributes[GROUND]]]}
        for layer in style.layers:
            options |= layer.parts.get(attributes[layer.shows] if layer.shows else "", {})
            if layer.colour and attributes[layer.colour] in style.colours[layer.colour]:
                options |= style.coloured(layer.colour, style.colours[layer.colour][attributes[layer.colour]])
        drawings.append(options)
    return draw(style, drawings, side)[..., :3]


def telling(items: Sequence[dict[str, str]]) -> list[int]:
    """Places of the first items, and of later ones that show something which none before them shows."""
    seen: set[tuple[str, str]] = set()
    found = []
    for place, item in enumerate(items):
        if place < KEPT or not item.items() <= seen:
            found.append(place)
            seen |= item.items()
    return found


def lines(values: Mapping[str, Any]) -> str:
    """JSON with one line for each entry of a list or table."""
    return json.dumps(values, indent=1)


def main() -> None:
    style = STYLES[sys.argv[1]]
    folder = SETS / style.name
    (folder / "parts.json").write_text(lines(described(style)) + "\n", encoding="utf-8")
    for side in style.sides:
        Image.fromarray(sheet(style, side)).save(folder / f"parts-{side}.png", optimize=True)
    parts, data = Parts(folder), dataset(style.name)
    items = [dict(data.item("train", SEED, k, None).attributes) for k in range(COMPARED)]
    kept = telling(items)
    tests = HERE.parent / style.name
    (tests / "originals.json").write_text("[\n" + ",\n".join(json.dumps(items[k]) for k in kept) + "\n]\n", encoding="utf-8")
    for side in style.sides:
        drawn = originals(style, items, side)
        off = np.abs(parts.compose_all(items, side).astype(int) - drawn)
        print(f"side {side}: {COMPARED} pictures are off by {off.mean():.3f} grey levels on average, the worst by "
              f"{off.mean((1, 2, 3)).max():.3f}; at most {off.max()} anywhere")
        Image.fromarray(drawn[kept].reshape(-1, side, 3)).save(tests / f"originals-{side}.png", optimize=True)


if __name__ == "__main__":
    main()
