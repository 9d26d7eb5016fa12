"""The gallery as people see it: records of the storage, put into words; grids as files to take away."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from app.drawing.png import data_url
from app.errors import BadInput
from app.gallery.views import Picture
from app.paths import ROOT
from app.text import readable
from pipelines import registry
from pipelines.options import Option, quoted
from pipelines.request import amount, face_of, plain
from storage import Cursor, Filters, ImageRecord, ManyMissing, Storage, read_settings

MOST = 200                         # pictures of a page
STEPS = tuple(Option("", int, None, label, "", low=0, high=10**9) for label in ("Steps from", "Steps to"))
SINGLE = {"count": 1, "width": 0, "height": 0}      # what a picture's settings may leave out
EXAMPLES = ROOT / "weights" / "bundled" / "examples"


@dataclass(frozen=True)
class GalleryPage:
    items: list[Picture]
    next: str | None               # cursor of the page after this one
    total: int
    left_out: int                  # damaged records among them


class Gallery:
    """Finding, deleting and exporting what was made. Raises `app.errors.sentences`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def page(self, *, family: str | None = None, sampler: str | None = None, steps_min: Any = None, steps_max: Any = None,
             text: str = "", bin: bool = False, after: str | None = None, limit: int = 60) -> GalleryPage:
        """Newest first, MOST at once; pass `next` of a page as `after` to go on. Raises BadInput, OptionError for a filter that cannot
        be."""
        low, high = (None if value in (None, "") else option.parse(value)
                     for option, value in zip(STEPS, (steps_min, steps_max), strict=True))
        filters = readable(Filters(family=family or None, sampler=sampler or None, steps_min=low, steps_max=high, text=text or "", bin=bin))
        self._judge(filters)
        found = self._storage.page(filters, Cursor.parse(after) if after else None, max(1, min(int(limit), MOST)))
        return GalleryPage([picture(record) for record in found.items], str(found.next) if found.next else None,
                           found.total, found.left_out)

    def _judge(self, filters: Filters) -> None:
        """Raises BadInput for a family or a sampler that there is not, and of which nothing was made either."""
        samplers = tuple(dict.fromkeys(name for spec in registry.faces() for name in spec.every))
        for kind, value, there in (("family", filters.family, registry.NAMES), ("sampler", filters.sampler, samplers)):
            if value is not None and value not in there and value not in self.facets()["families" if kind == "family" else "samplers"]:
                raise BadInput(f"There is no {kind} {quoted(repr(value))}; there are {', '.join(there)}.")

    def facets(self) -> dict[str, Any]:
        f = self._storage.facets()
        return {"families": list(f.families), "samplers": list(f.samplers), "steps": (f.steps_min, f.steps_max)}

    def picture(self, image_id: str) -> Picture:
        record = self._storage.image(image_id)
        return replace(picture(record), process=self._storage.processes.has(image_id),
                       grid=self._storage.grid_of(record.cell_id) if record.cell_id else None)

    def file(self, image_id: str) -> Path:
        """The image file of a record."""
        return self._storage.path(image_id)

    def delete(self, ids: list[str]) -> int:
        """Into the bin; `restore` undoes it. Returns how many."""
        return self._storage.delete([readable(image_id) for image_id in ids])

    def restore(self, ids: list[str]) -> int:
        return self._storage.restore([readable(image_id) for image_id in ids])

    def empty_bin(self) -> int:
        """Remove what is in the bin for good; returns how many pictures."""
        return self._storage.empty_bin(0)

    def notices(self) -> list[dict[str, Any]]:
        """What a person should know of how the data folder was found: text, and what may be done about it."""
        closed = self._storage.closed
        actions = ["again", "accept"] if isinstance(closed, ManyMissing) else ["again"] if closed else []
        return [{"text": text, "actions": actions if k == 0 else []} for k, text in enumerate(self._storage.notices())]

    def look_again(self, accept: bool = False) -> list[dict[str, Any]]:
        """Open a folder anew that could be opened for reading only; accept: the files that are missing are gone. Returns the notices."""
        self._storage.look_again(accept)
        return self.notices()

    def check(self, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Read every picture and compare it with what was noted when it was saved."""
        found = self._storage.check(progress)
        return {"complete": found.complete, **asdict(found)}

    def examples(self, family: str) -> list[Picture]:
        """The example pictures that ship with the project, with the settings that made them. Raises BadInput."""
        face_of(family)
        found = []
        for path in sorted(EXAMPLES.glob(f"{family}-*.png")):
            settings = read_settings(path)
            asked = SINGLE | plain(settings)
            with Image.open(path) as image:
                import numpy as np
                url = data_url(np.asarray(image.convert("RGB")))
            found.append(Picture(path.stem, url, "", family, asked["model"], asked["sampler"], settings["steps"], asked["seed"],
                                 asked["prompt"], asked, {}, False, False, amount=amount(family, settings["steps"])))
        return found


def picture(record: ImageRecord) -> Picture:
    """A record in words."""
    try:
        spec = registry.face(record.family).every[record.sampler]
        family, sampler = registry.face(record.family).title, spec.title
    except KeyError:
        family, sampler = record.family, record.sampler          # made by a family or sampler that is gone
    facts = {"Prompt": record.prompt, "Negative prompt": record.negative_prompt or "none", "Family": family,
             "Model": record.model_name, "Sampler": sampler}
    settings = SINGLE | plain(record.request)
    facts |= {_words(name): _value(value) for name, value in settings["options"].items() if value != ""}
    facts |= {"Guidance": f"{record.guidance:g}", "Seed": str(record.seed), "NFE": f"{record.nfe} per image",
              "Time": f"{record.seconds:.2f} s per image", "Size": f"{record.width} × {record.height} px",
              "Made": f"{record.created:%Y-%m-%d %H:%M:%S} UTC", "Weights": record.model_sha256[:16],
              "Device": ", ".join(f"{name} {value}" for name, value in record.environment.items() if name != "note")}
    if record.altered:
        facts["File"] = "not the one that was saved"
    if "note" in record.environment:
        facts["Note"] = record.environment["note"]
    return Picture(record.id, f"image/{record.id}.png", record.created.isoformat(), record.family, record.model_name,
                   record.sampler, record.steps, record.seed, record.prompt, settings, facts, record.deleted,
                   record.missing, amount=amount(record.family, record.steps))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) \
        else str(value)
