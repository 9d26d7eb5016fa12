"""The one door between what people use (page, command line) and engine, weights and storage. Safe to call from any thread.

torch is imported by the first call that needs it (or by `warm`), so that a page can be up before.
"""
from __future__ import annotations

import logging
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.device.machine import Machine
from app.device.model_cache import Loaded
from app.drawing import runner as runners
from app.drawing.ask import Ask, Check, face_of, make_request, nfe_of, settings_of, steps_of, title_of, with_seed
from app.drawing.effects import notes_of, notes_with
from app.drawing.jobs import RUNNING, JobState, JobTable
from app.drawing.recording import Recordings
from app.drawing.views import JobView, Shot
from app.errors import BadInput, UserError, sentence, sentences
from app.evaluation.evaluate import evaluate
from app.evaluation.families import SideBySide
from app.gallery.gallery import Gallery
from app.gallery.reproduce import Reproduction
from app.grids.grids import Grids
from app.grids.plan import evaluations
from app.grids.reader import GridReading
from app.inspect import picture as own_picture
from app.inspect.codes import Codes
from app.inspect.seeds import Seeds
from app.inspect.views import Examined
from app.lab.lab import Lab
from app.models.library import Shelf
from app.models.models import Models
from app.models.views import ModelView
from app.paths import Paths
from pipelines.request import Request
from storage import NewImage, Storage, StorageError

if TYPE_CHECKING:
    from app.drawing.picture_files import Picture
    from pipelines.engine import Job

log = logging.getLogger(__name__)
GONE = "That run is gone: the program was started again since, or has had many others. Pictures that it finished are in the gallery."
AT_ONCE = 8                        # jobs of a kind that run together in the engine; more wait, no picture for a comparison
PACE_ROWS, PACE_STEPS = 16, 8      # of the run by which a model's pace is measured


class Service:
    """Everything that the program can do for a person. Raises UserError with one sentence."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.identity = uuid.uuid4().hex                           # of this run of the program, by which pages know that it is another
        self._storage = Storage(paths.data)
        self.gallery = Gallery(self._storage)
        self.lab = Lab()
        self._models = Models(paths.runs, paths.models)
        self._jobs = JobTable()
        self.machine = Machine(self._models.find, self._needed, self._remember)
        self.recordings = Recordings(self._jobs, self._storage)
        self.codes, self.seeds = Codes(self.bench, self._jobs), Seeds(self.bench)
        self.side_by_side = SideBySide(self, self.bench, self._models, paths.tables)
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._slots = {kind: threading.Semaphore(AT_ONCE) for kind in ("generate", "compare")}
        self._rates: dict[str, float] = {}                         # evaluations for a picture, per second of a model's last run
        self._paces: dict[str, float] = {}                         # seconds that a row takes in a full batch
        self.grids = Grids(self._storage, self._models, self)
        self.reading = GridReading(self.grids, self._storage, paths.exports, self.bench)
        self.reproduction = Reproduction(self._storage, self._models, self.grids, self)
        self.shelf = Shelf(self._models, self.machine)

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
        return publish(self, self._models, run, repo, private)

    def surprise(self, family: str) -> str:
        """A random caption of the kind the family's models know."""
        from pipelines.data.captions import item
        face_of(family)
        return item("test", 1, random.randrange(10**6))[1]

    def check(self, ask: Ask) -> Check:
        """Check a request without running it."""
        request = make_request(self._models.resolved(with_seed(ask)))
        nfe = nfe_of(request)
        return Check(tuple(notes_of(request)), request.count, nfe, nfe * request.count, self.estimate(evaluations([request])),
                     settings_of(request))

    def estimate(self, calls: dict[str, int]) -> float | None:
        """Seconds that so many network calls for a picture take, by model; None for a model that was not measured yet."""
        if any(model not in self._rates for model in calls):
            return None
        return sum(count / self._rates[model] for model, count in calls.items())

    # Running

    def generate(self, ask: Ask) -> str:
        """Start drawing; returns the job's id at once."""
        request = make_request(self._models.resolved(with_seed(ask)))
        job = JobState("generate", request.family, title_of(request), settings_of(request))
        return self._start(job, request, lambda: runners.generate(job, request, self))

    def _start(self, job: JobState, request: Request, run: Callable[[], None]) -> str:
        job.note = " ".join(notes_of(request))
        self._jobs.add(job)                                        # nothing is stored of one that is refused
        try:
            self._storage.start_job(job.kind, job.family, job.settings, job_id=job.id)
        except StorageError:
            self._jobs.remove(job)
            raise

        def ready() -> None:
            if request.model not in self.machine.residents.names():
                job.change(status="loading", note=f"Loading {request.model}…")
            note = self._load(request.model, lambda: job.stopped).note
            job.change(note=" ".join(filter(None, [note, *notes_of(request), *self.notes(request)])))
            run()
        return self.launch(job, request, ready)

    def launch(self, job: JobState, request: Request, run: Callable[[], None]) -> str:
        """Give a stored job a thread of its own; returns its id."""
        job.models = job.models or {request.model}
        self._jobs.add(job)
        self._begin(f"job-{job.id[:8]}", self._run, job, run)
        return job.id

    def _begin(self, name: str, work: Callable[..., None], *given: Any) -> None:
        """Work on a thread of its own, which `close` waits for."""
        thread = threading.Thread(target=work, args=given, name=name, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _run(self, job: JobState, run: Callable[[], None]) -> None:
        """A job's thread: wait for a slot, run, and whatever happens end in a stored final state."""
        with self._slots[job.kind]:
            try:
                if job.stopped:
                    job.change(status="stopped", note="Stopped before it began.")
                else:
                    run()
            except sentences() as error:
                if job.stopped and job.status == "loading":
                    job.change(status="stopped", note="Stopped while the model was loaded.")
                else:
                    job.change(status="failed", error=sentence(error))
            except Exception as error:
                log.exception("job %s failed", job.id)
                job.change(status="failed", error=f"The job stopped because of an error inside the program ({error}); "
                                                  "the log has the details.")
            if job.status in RUNNING:
                job.change(status="failed", error="The job ended without a result; run it again.")
            try:
                ended = "interrupted" if self._closing.is_set() and job.status == "stopped" else job.status
                job.on_end()
                self._storage.finish_job(job.id, ended, job.error)
            except StorageError as error:
                log.warning("the end of job %s could not be stored, so it counts as interrupted: %s", job.id, error)
            self._jobs.ended(job)

    def job(self, job_id: str) -> JobView | None:
        state = self._jobs.get(job_id)
        return state.view() if state else None

    def jobs(self) -> list[JobView]:
        return [state.view() for state in self._jobs.all()]

    def settings_of_job(self, job_id: str) -> dict[str, Any]:
        """What a job that draws pictures was made from."""
        state = self._jobs.get(job_id)
        if state is None or state.kind != "generate":
            raise UserError(GONE)
        return state.settings

    def stop(self, job_id: str) -> None:
        self._jobs.stop(job_id)

    def wait(self, job_id: str, seconds: float | None = None) -> JobView:
        """Block until a job ends, or for at most some seconds; for scripts."""
        state = self._jobs.get(job_id)
        if state is None:
            raise UserError(f"There is no job {job_id!r}; it may have ended long ago.")
        state.finished.wait(seconds)
        return state.view()

    def evaluate(self, ask: Ask, split: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
        """Measure a model on the fixed captions of a split; nothing is kept in the gallery."""
        ask = self._models.resolved(ask)
        loaded = self._load(str(ask.model))
        return evaluate(self, ask, split, progress) | loaded.drawing.figures(loaded.net) | {
            "model_sha256": loaded.sha256, "environment": self.environment()}

    def examine(self, ask: Ask, picture: Picture | None) -> Examined:
        """How likely a picture is under a model, and its way to noise and back; an empty prompt is the null condition."""
        return own_picture.examine(self.bench(ask), picture)

    def morph(self, ask: Ask, first: Picture | None, second: Picture | None) -> tuple[str, ...]:
        """Pictures on the way from one picture to another, through their noises."""
        return own_picture.morph(self.bench(ask), first, second)

    def keep_source(self, ask: Ask, picture: Picture | None) -> str:
        """Store a picture for generations to start from; returns what their option `source` is to be."""
        return own_picture.keep(self.bench(ask, pretrained=True), picture, self._storage.sources)

    def bench(self, ask: Ask, pretrained: bool = False) -> own_picture.Bench:
        """What is needed to look at pictures with a model; pretrained: whether one of those will do."""
        ask = self._models.resolved(with_seed(ask))
        if ask.adapter and not pretrained:
            raise BadInput(f"{ask.model} is a pretrained model, which can be drawn with but not looked into; choose one of this project's.")
        request = own_picture.request(ask)
        loaded, engine = self._load(request.model), self.machine.engine
        return own_picture.Bench(request, loaded, engine.device, lambda sampler: engine.submit(sampler, priority=1))

    # What the runners need (runners.Backend)

    def submit(self, request: Request, priority: int, listener: Callable[..., None] | None = None, look: bool = False,
               exact: int | None = None, stop: Callable[[], bool] = lambda: False) -> Job:
        loaded, device = self._load(request.model, stop), self.machine.engine.device
        side = request.width or loaded.size, request.height or loaded.size
        more = own_picture.source_of(request, self._storage.sources, side, device) | ({"look": look} if loaded.drawing.looks else {})
        loaded.drawing.ready(request, loaded.net)                  # on this thread, so that no other job waits for it
        sampler = loaded.drawing.start(request, loaded.sha256, loaded.net, device, **more)
        return self.machine.engine.submit(sampler, priority=priority, listener=listener, exact=exact)

    def cancel(self, engine_job: Job) -> None:
        self.machine.engine.cancel(engine_job)

    def save(self, request: Request, k: int, drawn: runners.Drawn, stats: Any, job: JobState,
             cell: str | None = None) -> Shot:
        """Store one finished picture; it can be drawn again alone from what is stored with it."""
        alone = settings_of(replace(request, seed=request.seeds[k], count=1))
        loaded, note = self._load(request.model), drawn.notes[k] or (drawn.captions[k] if drawn.captions else None)
        seconds = (stats.network + stats.sampler) / request.count
        record = self._storage.save_image(NewImage(
            pixels=drawn.pixels[k], family=request.family, model_sha256=loaded.sha256, model_name=request.model,
            prompt=request.prompt, negative_prompt=request.negative_prompt, sampler=request.sampler,
            steps=steps_of(request), guidance=request.guidance_scale, seed=alone["seed"], nfe=drawn.nfe[k],
            seconds=seconds, options=alone["options"], job_id=job.id, cell_id=cell,
            environment=self.environment() | ({"note": note} if note else {})))
        return Shot(record.id, f"image/{record.id}.png", str(self._storage.path(record.id)), record.seed,
                    alone | {"model_sha256": loaded.sha256}, drawn.nfe[k], seconds, note)

    def measured(self, request: Request, drawn: runners.Drawn, seconds: float) -> None:
        if seconds > 0:
            self._rates[request.model] = sum(drawn.nfe) / seconds

    def pace(self, request: Request) -> float:
        """Seconds that a call for one picture takes in a full batch; measured at the first need of it."""
        if request.model not in self._paces:
            short = replace(request, options=replace(request.options, steps=min(request.options.steps, PACE_STEPS)), count=PACE_ROWS)
            for _ in range(2):                                     # the first of a batch's size includes the warm-up
                job = self.submit(short, priority=1)
                drawn = runners.drawn_of(short, runners.finished(job), job.stats.nfe)
                self._paces[request.model] = job.stats.network / sum(drawn.nfe)
        return self._paces[request.model]

    def notes(self, request: Request) -> list[str]:
        """What the request's network has to say of it."""
        return notes_with(request, self._load(request.model).net)

    def digest(self, model: str) -> str:
        """SHA-256 of the weights of a name."""
        return self._load(model).sha256

    def loaded(self) -> list[str]:
        return self.machine.residents.names()

    def held_bytes(self) -> int:
        return self.machine.held_bytes()

    def environment(self) -> dict[str, str]:
        """Device and versions, stored with every picture."""
        return self.machine.environment()

    # Models and device

    def _load(self, name: str, stop: Callable[[], bool] = lambda: False) -> Loaded:
        """The network of a name, loaded and known to the engine; noted as a model that made pictures."""
        return self.machine.load(name, stop)

    def _remember(self, name: str, loaded: Loaded) -> None:
        entry = loaded.entry
        if self._storage.closed is not None:                       # pictures can be looked at with a model, none is made
            return
        self._storage.remember_model(loaded.sha256, family=entry.metadata["family"], name=name, source=entry.source,
                                     parameters=entry.parameters)

    def _needed(self) -> set[str]:
        """Models of unfinished jobs."""
        return {model for job in self._jobs.all() if job.status in RUNNING for model in job.models}

    def warm(self, after: float) -> None:
        """Import torch and load the first model, after so many seconds and on a thread of its own, so that the first click does not wait
        for it."""
        self._begin("warm", self._warm, after)

    def _warm(self, after: float) -> None:
        try:
            if not self._closing.wait(after):
                self._load(self._models.first(), self._closing.is_set)
        except sentences() as error:
            if not self._closing.is_set():
                log.warning("the first model could not be loaded: %s", sentence(error))

    def chips(self) -> dict[str, Any]:
        """Device, memory and queue for the head of the page."""
        import psutil
        running, waiting = self._jobs.count()
        memory = psutil.Process().memory_info().rss / 2**30
        return {"device": self.machine.described(), "memory": f"{memory:.1f} GiB", "running": running, "waiting": waiting}

    def close(self) -> None:
        """Stop all jobs, which are then interrupted, and close engine and database."""
        self._closing.set()
        for state in self._jobs.all():
            self._jobs.stop(state.id)
        self.lab.close()
        self.shelf.close()
        for thread in list(self._threads):
            thread.join(timeout=5)
        self.machine.close()
        self._storage.close()
