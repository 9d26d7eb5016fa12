"""A data folder of an earlier version: how it is unpacked, and what the program shows of one."""
from __future__ import annotations

import sqlite3
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

HERE = Path(__file__).parent
ROOT = "/unpacked/here"            # stands in an archive for where it is unpacked
PICTURE = ("id", "created", "family", "model", "sampler", "steps", "seed", "prompt", "settings", "deleted", "missing", "process", "grid")
GRID = ("id", "name", "note", "status", "count", "size", "done", "total", "calls", "distance", "axes", "cells")
CHARTS, LINE = ("error", "accuracy", "time"), ("name", "xs", "ys", "counts")


def unpacked(name: str, to: Path) -> Path:
    """The data folder of an archive beside this file, below `to`; what is in its bin was put there just now, since the program empties
    that of what is old."""
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(to)
    links = to / "data" / "models" / "links.json"
    links.write_text(links.read_text().replace(ROOT, to.as_posix()))
    now = time.time_ns() // 1000
    with closing(sqlite3.connect(to / "data" / "playground.sqlite3")) as database, database:
        (latest,) = database.execute("select max(deleted) from images").fetchone()
        for table in ("images", "grids"):
            database.execute(f"update {table} set deleted = deleted + ? where deleted is not null", (now - latest,))
    return to / "data"


def shown(client: TestClient) -> dict[str, dict[str, Any]]:
    """All pictures and comparisons that a server shows, those in the bin too, by their ids; a comparison as it is exported."""
    def get(path: str, **given: str) -> Any:
        answer = client.get(path, params=given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(path: str, bin: str) -> list[str]:
        page = get(path, bin=bin)
        found = page["items"]
        while page["next"]:
            page = get(path, bin=bin, after=page["next"])
            found += page["items"]
        return [item["id"] for item in found]

    def lines(name: str, what: str) -> list[dict[str, Any]]:
        return [{fact: line[fact] for fact in LINE} for line in get(f"/api/grid/{name}/chart", what=what)["series"]]

    def grid(name: str) -> dict[str, Any]:
        found = get(f"/api/grid/{name}") | get(f"/export/{name}.json")
        return {fact: found[fact] for fact in GRID} | {"charts": {what: lines(name, what) for what in CHARTS}}

    def picture(name: str) -> dict[str, Any]:
        found = get(f"/api/picture/{name}")
        return {fact: found[fact] for fact in PICTURE}

    return {kind: {name: one(name) for bin in ("false", "true") for name in ids(path, bin)}
            for kind, path, one in (("pictures", "/api/gallery", picture), ("grids", "/api/grids", grid))}


def changed(found: Any, recorded: Any, place: str = "") -> list[str]:
    """Where what was recorded is found otherwise; a later version may know more of a thing."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        lost = [f"{place} lacks {name}" for name in recorded if name not in found]
        return lost + [text for name in recorded if name in found for text in changed(found[name], recorded[name], f"{place}.{name}")]
    if isinstance(recorded, list) and isinstance(found, list) and len(found) == len(recorded):
        return [text for k, (a, b) in enumerate(zip(found, recorded, strict=True)) for text in changed(a, b, f"{place}[{k}]")]
    return [] if found == recorded and type(found) is type(recorded) else [f"{place}: {recorded!r} became {found!r}"]
