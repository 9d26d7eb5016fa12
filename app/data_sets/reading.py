"""A folder or a zip of pictures, read once: each file is a picture with what is known of it, or is refused with a reason."""
from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.data_sets.alike import alike, look_of
from app.data_sets.captions import MAX_TABLE, MAX_TEXT, TABLES, known_as, plain, table, text_of
from app.data_sets.files import File, opened
from app.drawing.picture_files import square
from app.errors import BadInput
from pipelines.options import Option
from weights.check.reading import shown

SIZE = Option("size", int, 32, "--size", "", low=8, high=256)     # side of the pictures of a set
MULTIPLE = 4                       # of that, since networks halve it twice
MAX_BYTES = 2 * 2**30              # of the pictures of a set, as they are kept
SPLITS = ("train", "training", "test", "val", "valid", "validation")       # folders by which others sort pictures, which are no classes


@dataclass(frozen=True)
class Picture:
    """One that can be used."""
    path: str
    pixels: np.ndarray               # (H, H, 3) uint8
    caption: str                     # "": none
    width: int                       # of what is in the file
    height: int
    digest: str                      # the same for those that have the same pixels


@dataclass
class Found:
    """What a folder or a zip has."""
    size: int
    pictures: list[Picture] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)        # (path, reason)
    notes: list[tuple[str, str]] = field(default_factory=list)           # what else is worth a word, likewise
    classes: bool = False            # captions are the names of the folders that the pictures are in

    @property
    def channels(self) -> int:
        """1 where all pictures are gray."""
        return 1 if all(np.ptp(picture.pixels, axis=2).max() == 0 for picture in self.pictures) else 3

    def report(self) -> dict[str, Any]:
        """All of it for people and scripts."""
        same: dict[str, list[Picture]] = {}
        for picture in self.pictures:
            same.setdefault(picture.digest, []).append(picture)
        near = alike({shown(first.path): look_of(first.pixels) for first, *_ in same.values()})
        sizes = Counter(f"{picture.width} x {picture.height}" for picture in self.pictures)
        return {
            "pictures": len(self.pictures), "captions": sum(picture.caption != "" for picture in self.pictures),
            "classes": len({picture.caption for picture in self.pictures}) if self.classes else 0,
            "size": self.size, "channels": self.channels, "cropped": sum(picture.width != picture.height for picture in self.pictures),
            "sizes": dict(sizes.most_common()),
            "rejected": _lines(sorted(self.rejected)), "notes": _lines(self.notes),
            "duplicates": [[shown(picture.path) for picture in group] for group in same.values() if len(group) > 1],
            "near_duplicates": near}


def _lines(found: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"path": path, "reason": reason} for path, reason in found]


def read(path: Path, size: Any, progress: Callable[[int, int], None]) -> Found:
    """All pictures in a folder or a zip, their middle reduced to `size` pixels a side. Raises BadInput for what is neither, has far too
    many, or a size that cannot be."""
    side = SIZE.parse(size)
    if side % MULTIPLE:
        raise BadInput(f"The size must be a multiple of {MULTIPLE}; you asked for {side}.")
    found = Found(side)
    with opened(path) as files:
        found.rejected += files.refused
        tables = [file for file in files.files if posixpath.basename(file.path).lower() in TABLES]
        texts = _texts(files.files)
        rest = [file for file in files.files if file not in tables and file not in texts.values()]
        written = _written(tables, found)
        for k, file in enumerate(rest):
            _add(file, written, texts, found)
            progress(k + 1, len(rest))
        _missing(rest, written, found)
    return found


def _texts(files: list[File]) -> dict[str, File]:
    """Texts that stand beside a file of the same name, by that name without its ending."""
    stems = {posixpath.splitext(file.path)[0] for file in files if not file.path.lower().endswith(".txt")}
    return {stem: file for file in files for stem, kind in [posixpath.splitext(file.path)] if kind.lower() == ".txt" and stem in stems}


def _written(tables: list[File], found: Found) -> dict[str, tuple[str, str]]:
    """By the path of a picture its caption, and the table that it stands in; of several the first."""
    written: dict[str, tuple[str, str]] = {}
    for file in tables:
        content = _content(file, MAX_TABLE, found)
        captions, troubles = table(file.path, content) if content is not None else ({}, [])
        found.notes += [(shown(file.path), trouble) for trouble in troubles]
        written = {path: (caption, file.path) for path, caption in captions.items()} | written
    return written


def _content(file: File, limit: int, found: Found) -> bytes | None:
    """What a file of captions holds; None where it cannot be read, which is noted."""
    try:
        with file.content() as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise BadInput(f"It has more than {limit // 2**10:,} KiB, so that its captions are not read.")
        return content
    except (BadInput, OSError) as error:
        found.notes.append((shown(file.path), str(error)))
        return None


def _add(file: File, written: Mapping[str, tuple[str, str]], texts: Mapping[str, File], found: Found) -> None:
    """Raises BadInput where there are too many."""
    try:
        with file.content() as stream:
            read = square(stream, found.size)
    except BadInput as error:
        found.rejected.append((shown(file.path), str(error)))
        return
    caption, text = "", texts.get(posixpath.splitext(file.path)[0])
    if known_as(file.path) in written:
        caption = written[known_as(file.path)][0]
    elif text is not None:
        caption = plain(text_of(_content(text, MAX_TEXT, found) or b""))
    found.pictures.append(Picture(file.path, read.pixels, caption, read.width, read.height, read.digest))
    if len(found.pictures) * read.pixels.nbytes > MAX_BYTES:
        raise BadInput(f"More than {len(found.pictures) - 1:,} pictures of {found.size} by {found.size} pixels are too many; choose "
                       "a folder with fewer, or a smaller --size.")


def _missing(files: list[File], written: Mapping[str, tuple[str, str]], found: Found) -> None:
    """Name what has no caption, where others have one, and captions without a picture; where there are none, the folders say what a
    picture shows."""
    there = {known_as(file.path) for file in files}
    found.notes += [(shown(path), f"It is not there, though {shown(by)} has a caption for it.") for path, (_, by) in written.items()
                    if path not in there]
    if not any(picture.caption for picture in found.pictures):
        named = [(picture, plain(_class(picture.path))) for picture in found.pictures]
        found.classes = any(name for _, name in named)
        found.pictures = [Picture(**vars(picture) | {"caption": name}) for picture, name in named]
    if any(picture.caption for picture in found.pictures):
        found.notes += [(shown(picture.path), "It has no caption, so that it is learnt without one.") for picture in found.pictures
                        if not picture.caption]


def _class(path: str) -> str:
    """The uppermost folder that a picture is in, but for those of splits."""
    return next((part for part in path.split("/")[:-1] if part.lower() not in SPLITS), "")
