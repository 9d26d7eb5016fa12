"""Comparisons to take away: labelled pictures in tiles, a page that works by itself, tables; the settings are inside each."""
from __future__ import annotations

import html
import io
import json
import math
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from app.live import LiveGrid
from app.pictures import data_url
from app.said import said
from app.views import BadInput
from app.whole import replacing, write_table, write_text
from pipelines.options import quoted
from storage import Storage, StorageError

TILE = 4096                        # pixels of a picture's longer side at most; larger grids become a ZIP of several
SCALE = 3                          # a picture of 32 pixels is drawn with 96
MARGIN, CAPTION, HEAD = 12, 22, 40
ENDINGS = ("png", "csv", "json", "html")
STYLE = """body{font:14px system-ui,sans-serif;margin:1.5rem;color:#0f172a;background:#fff}
.grid{overflow:auto;max-height:90vh}table{border-collapse:separate;border-spacing:6px}th{position:sticky;top:0;left:0;background:#fff;
text-align:left;font-weight:600;z-index:1}thead th{z-index:2}td{vertical-align:top;font-size:12px;color:#475569}
img{width:96px;image-rendering:pixelated;margin-right:2px}.flag{color:#b45309}
@media(prefers-color-scheme:dark){body,th{background:#0f172a;color:#e2e8f0}td{color:#94a3b8}.flag{color:#fbbf24}}"""


def export(live: LiveGrid, settings: dict[str, Any], storage: Storage, path: Path, excel: bool = False) -> Path:
    """Write a grid into a file, in the format of its ending; returns the file, a ZIP for a PNG that needs several tiles.

    excel: a CSV file begins with a byte order mark. Raises UserError.
    """
    ending = path.suffix[1:].lower()
    if ending not in (*ENDINGS, "zip"):
        raise BadInput(f"A grid is exported as {', '.join(ENDINGS)}; you asked for {quoted(repr(ending))}.")
    with said():
        if ending == "csv":
            write_table(path, _table(live), excel)
        elif ending == "json":
            found = {"id": live.id, "name": live.name, "note": live.note, **settings}
            cells = [facts(live, i) for i in range(len(live.cells))]
            write_text(path, json.dumps(found | {"cells": cells}, indent=1, ensure_ascii=False))
        elif ending == "html":
            with replacing(path) as draft:
                _html(live, settings, storage, draft)
        else:
            path = _png(live, settings, storage, path)
    return path


def facts(live: LiveGrid, i: int) -> dict[str, Any]:
    """A cell as a line of a table."""
    cell, (layer, row, column) = live.cells[i], live.place(i)
    measured = {name: value for name, value in cell.page(i).items() if name not in ("i", "images", "status", "snapshot", "accuracy")}
    accuracy = cell.metrics.get("accuracy", {})
    return {"layer": live.axes["z"]["labels"][layer], "row": live.axes["y"]["labels"][row], "column": live.axes["x"]["labels"][column],
            "status": cell.status, **measured, "accuracy": accuracy.get("share"), "judged": accuracy.get("count"),
            "errors": cell.metrics.get("errors"), "snapshot": cell.metrics.get("snapshot"), "settings": cell.settings,
            "images": list(cell.images)}


COLUMNS = ("layer", "row", "column", "status", "nfe", "seconds", "ms_per_call", "peak_bytes", "distance", "ssim", "accuracy", "judged",
           "same_as", "reason", "note", "error")
OWN = ("family", "model", "sampler", "prompt", "negative_prompt", "guidance_scale", "seed", "count")


def _table(live: LiveGrid) -> Iterator[list[Any]]:
    """The lines of a CSV file."""
    rows = [facts(live, i) for i in range(len(live.cells))]
    options = list(dict.fromkeys(name for row in rows for name in row["settings"].get("options", {})))
    yield [*COLUMNS, *OWN, *options, "images"]
    for row in rows:
        own, chosen = row["settings"], row["settings"].get("options", {})
        yield [*map(row.get, COLUMNS), *map(own.get, OWN), *map(chosen.get, options), " ".join(row["images"])]


def _html(live: LiveGrid, settings: dict[str, Any], storage: Storage, path: Path) -> None:
    """One file with everything in it, scripts none."""
    z, y, x = (live.axes[name] for name in ("z", "y", "x"))
    inside = json.dumps({"name": live.name, **settings}, ensure_ascii=False).replace("</", "<\\/")
    with path.open("w", encoding="utf-8") as file:
        file.write(f"<!doctype html><meta charset=utf-8><title>{html.escape(live.name)}</title><style>{STYLE}</style>"
                   f"<h1>{html.escape(live.name)}</h1><p>{html.escape(live.note)}</p>")
        for layer, title in enumerate(z["labels"]):
            file.write(f"<h2>{html.escape(title)}</h2>" if title else "")
            file.write("<div class=grid><table><thead><tr><th></th>" + "".join(f"<th>{html.escape(c)}</th>" for c in x["labels"])
                       + "</tr></thead>")
            for row, label in enumerate(y["labels"]):
                file.write(f"<tr><th>{html.escape(label)}</th>")
                for column in range(len(x["labels"])):
                    i = live.index(layer, row, column)
                    pictures = "".join(f'<img src="{data_url(picture)}" alt="">' for picture in _pictures(live, i, storage))
                    flags = "".join(f"<br><span class=flag>{html.escape(text)}</span>" for text in _flags(live, i))
                    file.write(f"<td>{pictures}<br>{html.escape(caption(live, i))}{flags}</td>")
                file.write("</tr>")
            file.write("</table></div>")
        file.write(f'<script type="application/json" id="settings">{inside}</script>')


def _flags(live: LiveGrid, i: int) -> list[str]:
    cell = live.cells[i]
    same = cell.metrics.get("same_as")
    return [text for text in (same and f"same pixels as {same}", cell.metrics.get("note"), cell.error, cell.reason) if text]


def caption(live: LiveGrid, i: int) -> str:
    """"20 calls · 0.31 s · d 0.021"."""
    cell = live.cells[i]
    if cell.seconds is None:
        return cell.status
    parts = [f"{cell.nfe} call{'s' * (cell.nfe != 1)}", f"{cell.seconds:.2f} s"]
    return " · ".join(parts + ([f"d {cell.distance:.3f}"] if cell.distance is not None else []))


def _pictures(live: LiveGrid, i: int, storage: Storage) -> list[np.ndarray]:
    """Of a cell; one whose file is gone is left out."""
    found = []
    for image_id in live.cells[i].images:
        with suppress(StorageError, OSError), Image.open(storage.path(image_id)) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found


def _block(live: LiveGrid) -> tuple[int, int]:
    """How many pictures of a cell stand side by side, and in how many lines."""
    across = live.count if live.count <= 4 else math.ceil(math.sqrt(live.count))
    return across, math.ceil(live.count / across)


def _png(live: LiveGrid, settings: dict[str, Any], storage: Storage, path: Path) -> Path:
    """The labelled grid; labels stand on every tile, so that each can be read alone."""
    inside = PngInfo()
    inside.add_itxt("settings", json.dumps({"name": live.name, **settings}, ensure_ascii=False))
    tiles = list(_tiles(live))
    path = path.with_suffix(".png" if len(tiles) == 1 else ".zip")
    with replacing(path) as draft:
        if len(tiles) == 1:
            _tile(live, storage, *tiles[0]).save(draft, "PNG", pnginfo=inside)
            return path
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as file:
            for layer, rows, columns in tiles:
                buffer = io.BytesIO()
                _tile(live, storage, layer, rows, columns).save(buffer, "PNG", pnginfo=inside)
                file.writestr(f"layer-{layer + 1}-row-{rows.start + 1}-column-{columns.start + 1}.png", buffer.getvalue())
    return path


@cache
def _letter(letter: str) -> str:
    """The letter, or how it is written in those that Pillow's own font knows."""
    font = ImageFont.load_default(15)
    if bytes(font.getmask(letter)) != bytes(font.getmask("\uffff")):
        return letter
    name = unicodedata.name(letter, "")
    if name.startswith("GREEK"):
        return name.split()[-1].lower()
    return "x" if letter == "×" else "" if unicodedata.combining(letter) else "?"


def _text(text: str) -> str:
    return "".join(map(_letter, text))


def _sizes(live: LiveGrid) -> tuple[int, int, int]:
    """(width and height of a cell, width of the rows' labels) in pixels."""
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    captions = max(small.getlength(_text(caption(live, i))) for i in range(len(live.cells)))
    (across, lines), side = _block(live), live.size * SCALE + 2
    width = int(max(across * side, min(captions, 4 * side))) + MARGIN
    names = max(font.getlength(_text(label)) for label in live.axes["y"]["labels"])
    return width, lines * side + CAPTION + MARGIN, int(min(600, names)) + 24


def _tiles(live: LiveGrid) -> Iterator[tuple[int, range, range]]:
    """(layer, rows, columns) of every tile."""
    width, height, left = _sizes(live)
    across, down = max(1, (TILE - left - MARGIN) // width), max(1, (TILE - 2 * HEAD) // height)
    rows, columns = len(live.axes["y"]["labels"]), len(live.axes["x"]["labels"])
    for layer in range(len(live.axes["z"]["labels"])):
        for row in range(0, rows, down):
            for column in range(0, columns, across):
                yield layer, range(row, min(rows, row + down)), range(column, min(columns, column + across))


def _tile(live: LiveGrid, storage: Storage, layer: int, rows: range, columns: range) -> Image.Image:
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    (width, height, left), across, side = _sizes(live), _block(live)[0], live.size * SCALE + 2
    sheet = Image.new("RGB", (left + width * len(columns) + MARGIN, 2 * HEAD + height * len(rows)), "#ffffff")
    draw, z = ImageDraw.Draw(sheet), live.axes["z"]["labels"][layer]
    draw.text((MARGIN, 10), _text(f"{live.name} · {z}" if z else live.name), "#334155", font)
    for c, column in enumerate(columns):
        draw.text((left + c * width, HEAD), _text(live.axes["x"]["labels"][column][:60]), "#0f172a", font)
    for r, row in enumerate(rows):
        top = 2 * HEAD - 12 + r * height
        draw.text((MARGIN, top + live.size * SCALE // 2 - 8), _text(live.axes["y"]["labels"][row][:80]), "#0f172a", font)
        for c, column in enumerate(columns):
            i = live.index(layer, row, column)
            for k, picture in enumerate(_pictures(live, i, storage)):
                image = Image.fromarray(picture)
                big = image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)
                sheet.paste(big, (left + c * width + k % across * side, top + k // across * side))
            draw.text((left + c * width, top + height - CAPTION - MARGIN + 2), _text(caption(live, i)), "#64748b", small)
    return sheet
