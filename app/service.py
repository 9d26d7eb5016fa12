"""What people use (page, command line), wired: one artist, and the features that are handed it. Safe to call from any thread."""
from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.drawing import source
from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.drawing.views import JobView
from app.drawing.weights import Weights
from app.evaluation.evaluate import evaluate
from app.evaluation.families import SideBySide
from app.gallery.gallery import Gallery
from app.gallery.reproduce import Reproduction
from app.gallery.views import Picture as GalleryPicture
from app.grids.grids import Grids
from app.grids.reader import GridReading
from app.inspect import picture as own_picture
from app.inspect.codes import Codes
from app.inspect.probe import probe
from app.inspect.seeds import Seeds
from app.inspect.views import Examined
from app.lab.lab import Lab
from app.models.library import ModelLibrary
from app.models.models import Models
from app.models.views import ModelView
from app.paths import Paths
from pipelines.data import DEFAULT
from storage import Storage

if TYPE_CHECKING:
    from app.drawing.picture_files import Picture


class Service:
    """Everything that the program can do for a person; what goes wrong is an exception of `app.errors.sentences`."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.identity = uuid.uuid4().hex                           # of this run of the program, by which pages know that it is another
        storage = Storage(paths.data)
        self.artist = artist = Artist(storage, Weights(paths.runs, paths.models))
        self._models = Models(artist.weights)
        self.gallery, self.lab = Gallery(storage), Lab()
        self.codes, self.seeds = Codes(artist), Seeds(artist)
        self.grids = Grids(artist, self._models)
        self.reading = GridReading(self.grids, paths.exports, artist)
        self.reproduction = Reproduction(artist, self.grids)
        self.side_by_side = SideBySide(artist, self._models, paths.tables)
        self.library = ModelLibrary(self._models, artist.machine)
        self.machine, self.recordings = artist.machine, artist.recordings
        self.check, self.generate, self.wait, self.stop = artist.check, artist.generate, artist.wait, artist.stop
        self.job, self.settings_of_job, self.warm = artist.job, artist.settings_of_job, artist.warm

    # What there is

    def models(self, family: str | None = None) -> list[ModelView]:
        """The weights there are, of a family or all; a damaged file is listed with its problem."""
        return self._models.views(family)

    def verify_models(self) -> dict[str, str | None]:
        """Check every weights file; name -> problem, None where it is sound."""
        return self._models.verify()

    def bundle_model(self, run: str) -> Path:
        """Make the weights of a run part of the project; returns their new file."""
        return self._models.bundle(run)

    def publish_model(self, run: str, repo: str, private: bool = True) -> str:
        """Upload the weights of a run to the Hub with samples; the address of the commit."""
        from app.models.publishing import publish
        return publish(self.artist, run, repo, private)

    def surprise(self, family: str, model: str | None = None) -> str:
        """A random caption of the kind that a model knows, or a family's first one."""
        data = self.artist.weights.data(Ask(family, "", model=model))
        return data.item("test", 1, random.randrange(data.surprises), None).caption

    def examples(self, family: str, model: str | None = None) -> list[GalleryPicture]:
        """The example pictures of a family that show what a model learnt from, or the family's first one. Raises BadInput, WeightsError."""
        weights = self.artist.weights
        learnt = weights.resolved(Ask(family, "", model=model)).data_set or DEFAULT
        found = self.gallery.examples(family)
        sets = {model: weights.data_sets(model) for model in {picture.model for picture in found}}         # each looks through all files
        return [picture for picture in found if learnt in sets[picture.model]]

    def jobs(self) -> list[JobView]:
        return [state.view() for state in self.artist.jobs.all()]

    def chips(self) -> dict[str, Any]:
        """Device, memory and queue for the head of the page."""
        import psutil
        running, waiting = self.artist.jobs.count()
        memory = psutil.Process().memory_info().rss / 2**30
        return {"device": self.machine.described(), "memory": f"{memory:.1f} GiB", "running": running, "waiting": waiting}

    # Measuring and looking inside

    def evaluate(self, ask: Ask, split: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Measure a model on the fixed captions of a split; nothing is kept in the gallery."""
        return evaluate(self.artist, ask, split, progress)

    def examine(self, ask: Ask, picture: Picture | None) -> Examined:
        """How likely a picture is under a model, and its way to noise and back; an empty prompt is the null condition."""
        return own_picture.examine(probe(self.artist, ask), picture)

    def interpolation(self, ask: Ask, first: Picture | None, second: Picture | None) -> tuple[str, ...]:
        """The latent interpolation from one picture to another, through their noises."""
        return own_picture.interpolation(probe(self.artist, ask), first, second)

    def keep_source(self, ask: Ask, picture: Picture | None) -> str:
        """Store a picture for generations to start from; returns what their option `source` is to be."""
        return source.keep(self.artist, ask, picture)

    def close(self) -> None:
        """Stop all jobs, which are then interrupted, and close engine and database."""
        self.artist.stop_all()
        self.lab.close()
        self.library.close()
        self.artist.close()
