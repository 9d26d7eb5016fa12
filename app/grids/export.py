"""Comparisons to take away: labelled pictures in tiles, a page that works by itself, tables; the settings are inside each."""
from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.as_json import as_json
from app.drawing.png import data_url
from app.errors import BadInput
from app.grids.ask import ENDINGS
from app.grids.measures import false_accepts, terms
from app.grids.picture import Sheet, caption
from app.grids.state import LiveGrid
from app.whole import replacing, write_table, write_text
from pipelines.options import quoted
from storage import Storage, StorageError

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
    if ending == "csv":
        write_table(path, _table(live), excel)
    elif ending == "json":
        found = {"id": live.id, "name": live.name, "note": live.note, "judge_false_accepts": false_accepts(live), **settings}
        cells = [facts(live, i) for i in range(len(live.cells))]
        write_text(path, as_json(found | {"cells": cells}, indent=1, ensure_ascii=False))
    elif ending == "html":
        with replacing(path) as draft:
            _html(live, settings, storage, draft)
    else:
        path = _png(live, settings, storage, path)
    return path


def facts(live: LiveGrid, i: int) -> dict[str, Any]:
    """A cell as a line of a table; every cell has the same fields, None where there is nothing."""
    cell, (layer, row, column) = live.cells[i], live.place(i)
    accuracy, chosen = cell.metrics.get("accuracy", {}), cell.settings.get("options", {})
    return {"layer": live.axes["z"]["labels"][layer], "row": live.axes["y"]["labels"][row], "column": live.axes["x"]["labels"][column],
            "status": cell.status, "sampler": cell.settings.get("sampler"), "steps": chosen.get("steps"), **cell.figures(),
            "accuracy": accuracy.get("share"), "judged": accuracy.get("count"),
            "errors": cell.metrics.get("errors"), "snapshot": cell.metrics.get("snapshot"), "settings": cell.settings,
            "images": list(cell.images)}


COLUMNS = ("layer", "row", "column", "status", "nfe", "seconds", "ms_per_call", "peak_bytes", "distance", "distance_to", "ssim", "accuracy",
           "judged", "same_as", "reason", "note", "error")
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
    inside = as_json({"name": live.name, **settings}, ensure_ascii=False).replace("</", "<\\/")
    with path.open("w", encoding="utf-8") as file:
        file.write(f"<!doctype html><meta charset=utf-8><title>{html.escape(live.name)}</title><style>{STYLE}</style>"
                   f"<h1>{html.escape(live.name)}</h1><p>{html.escape(live.note)}</p>"
                   f"<p>{html.escape(terms(live))}</p>")
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


def _pictures(live: LiveGrid, i: int, storage: Storage) -> list[np.ndarray]:
    """Of a cell; one whose file is gone is left out."""
    found = []
    for image_id in live.cells[i].images:
        with suppress(StorageError, OSError), Image.open(storage.path(image_id)) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found


def _png(live: LiveGrid, settings: dict[str, Any], storage: Storage, path: Path) -> Path:
    """The labelled grid; labels stand on every tile, so that each can be read alone."""
    inside = PngInfo()
    inside.add_itxt("settings", as_json({"name": live.name, **settings}, ensure_ascii=False))
    sheet = Sheet(live)

    def pictures(i: int) -> list[np.ndarray]:
        return _pictures(live, i, storage)

    path = path.with_suffix(".png" if len(sheet.tiles) == 1 else ".zip")
    with replacing(path) as draft:
        if len(sheet.tiles) == 1:
            sheet.draw(sheet.tiles[0], pictures).save(draft, "PNG", pnginfo=inside)
            return path
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as file:
            for tile in sheet.tiles:
                buffer = io.BytesIO()
                sheet.draw(tile, pictures).save(buffer, "PNG", pnginfo=inside)
                file.writestr(f"layer-{tile.layer + 1}-row-{tile.rows.start + 1}-column-{tile.columns.start + 1}.png", buffer.getvalue())
    return path
