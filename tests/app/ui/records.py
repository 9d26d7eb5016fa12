"""What the server answers, as types for the page's scripts: `python -m tests.app.ui.records` writes app/ui/assets/core/records.d.ts."""
from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from app.drawing.views import Frame, GeneratedImage, JobView, Trajectories
from app.gallery.views import Picture
from app.inspect.views import Codebook, CodeView, Examined, Film, TokenTrace

RECORDS = (GeneratedImage, JobView, Frame, Trajectories, Picture, Examined, TokenTrace, CodeView, Codebook, Film)
PATH = Path(__file__).parents[3] / "app" / "ui" / "assets" / "core" / "records.d.ts"
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}


def written(kind: Any) -> str:
    """A Python type as it is after its way through JSON, in TypeScript. Raises KeyError for one that has no such form."""
    parts = get_args(kind)
    if dataclasses.is_dataclass(kind):
        return kind.__name__                     # type: ignore[union-attr]
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(written(part) for part in parts)
    if get_origin(kind) is dict:
        return f"Record<{written(parts[0])}, {written(parts[1])}>"
    if get_origin(kind) is list or get_origin(kind) is tuple and parts[1:] == (...,):
        return f"Array<{written(parts[0])}>"
    return PLAIN[kind]


def declared() -> str:
    """The text of the file."""
    texts = ["// Made from the Python records by tests/app/ui/records.py.\n"]
    for record in RECORDS:
        hints = get_type_hints(record)
        fields = "".join(f"  {field.name}: {written(hints[field.name])};\n" for field in dataclasses.fields(record))
        texts.append(f"export interface {record.__name__} {{\n{fields}}}\n")
    return "\n".join(texts)


if __name__ == "__main__":
    PATH.write_text(declared(), encoding="utf-8")
