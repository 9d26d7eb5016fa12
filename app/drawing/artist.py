"""Draws and keeps: the owner of engine, weights and storage, which everything that wants pictures is handed. Safe to call from any thread.

torch is imported by the first call that needs it (or by `warm`), so that a page can be up before.
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.device.machine import Machine
from app.device.model_cache import Loaded
from app.drawing import runner
from app.drawing.ask import Ask
from app.drawing.jobs import RUNNING, JobState, JobTable
from app.drawing.recording import Recordings
from app.drawing.source import source_of
from app.drawing.views import Check, GeneratedImage, JobView
from app.drawing.weights import Weights
from app.errors import UserError, sentence, sentences
from pipelines.effects import notes_with
from pipelines.request import Request
from storage import Storage, StorageError

if TYPE_CHECKING:
    from pipelines.engine import Job

log = logging.getLogger(__name__)
GONE = "That run is gone: the program was started again since, or has had many others. Pictures that it finished are in the gallery."
AT_ONCE = 8                        # jobs of a kind that run together in the engine; more wait, no picture for a comparison
PACE_ROWS, PACE_STEPS = 16, 8      # of the run by which a model's pace is measured


class Artist:
    """Raises UserError, OptionError, WeightsError and StorageError, each with a sentence."""

    def __init__(self, storage: Storage, weights: Weights) -> None:
        self.storage, self.weights, self.jobs = storage, weights, JobTable()
        self.machine = Machine(weights.find, self._needed, self._remember)
        self.recordings = Recordings(self.jobs, storage)
        self._threads: list[threading.Thread] = []
        self._closing, self._warmed = threading.Event(), threading.Lock()
        self._slots = {kind: threading.Semaphore(AT_ONCE) for kind in ("generate", "compare")}
        self._rates: dict[str, float] = {}                         # evaluations for a picture, per second of a model's last run
        self._paces: dict[str, float] = {}                         # seconds that a row takes in a full batch

    # What a request means

    def check(self, ask: Ask) -> Check:
        """Check a request without running it."""
        request = self.weights.request(ask)
        return Check(tuple(request.notes), request.count, request.nfe, request.nfe * request.count, self.estimate([request]),
                     request.settings)

    def notes(self, request: Request) -> list[str]:
        """What the request's network has to say of it."""
        return notes_with(request, self.load(request.model).net)

    def estimate(self, requests: Iterable[Request]) -> float | None:
        """Seconds that requests take; None if one's model was not measured yet."""
        requests = list(requests)
        if any(request.model not in self._rates for request in requests):
            return None
        return sum(request.nfe * request.count / self._rates[request.model] for request in requests)

    def pace(self, request: Request) -> float:
        """Seconds that a call for one picture takes in a full batch; measured at the first need of it."""
        if request.model not in self._paces:
            short = replace(request, options=replace(request.options, steps=min(request.options.steps, PACE_STEPS)), count=PACE_ROWS)
            for _ in range(2):                                     # the first of a batch's size includes the warm-up
                job = self.submit(short, priority=1)
                drawn = runner.drawn_of(short, runner.finished(job), job.stats.nfe)
                self._paces[request.model] = job.stats.network / sum(drawn.nfe)
        return self._paces[request.model]

    # Drawing

    def generate(self, ask: Ask) -> str:
        """Start drawing; returns the job's id at once."""
        request = self.weights.request(ask)
        job = JobState("generate", request.family, request.title, request.settings)
        job.note = " ".join(request.notes)
        self.jobs.add(job)                                         # nothing is stored of one that is refused
        try:
            self.storage.start_job(job.kind, job.family, request.to_dict(), job_id=job.id)
        except StorageError:
            self.jobs.remove(job)
            raise

        def ready() -> None:
            if request.model not in self.loaded():
                job.change(status="loading", note=f"Loading {request.model}…")
            note = self.load(request.model, lambda: job.stopped).note
            job.change(note=" ".join(filter(None, [note, *request.notes, *self.notes(request)])))
            runner.generate(job, request, self)
        return self.launch(job, request, ready)

    def launch(self, job: JobState, request: Request, run: Callable[[], None]) -> str:
        """Give a stored job a thread of its own; returns its id."""
        job.models = job.models or {request.model}
        self.jobs.add(job)
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
                self.storage.finish_job(job.id, ended, job.error)
            except StorageError as error:
                log.warning("the end of job %s could not be stored, so it counts as interrupted: %s", job.id, error)
            self.jobs.ended(job)

    def drawn(self, request: Request, batch_invariant: int | None = None) -> runner.Drawn:
        """The pictures of a request, which are not kept; blocks until they are there. Raises UserError if they are not."""
        return runner.drawn_of(request, runner.finished(self.submit(request, 0, batch_invariant=batch_invariant)), 0)

    def submit(self, request: Request, priority: int, listener: Callable[..., None] | None = None, previews: bool = False,
               batch_invariant: int | None = None, stop: Callable[[], bool] = lambda: False) -> Job:
        """Hand a request to the engine; batch_invariant: the size of each of its batches, if that is fixed."""
        loaded, device = self.load(request.model, stop), self.machine.engine.device
        own = loaded.side(request)
        side = request.width or own, request.height or own
        more = source_of(request, self.storage.sources, side, device) | ({"previews": previews} if loaded.drawing.previews_cost else {})
        loaded.drawing.ready(request, loaded.net)                  # on this thread, so that no other job waits for it
        sampler = loaded.drawing.start(request, loaded.sha256, loaded.net, device, **more)
        return self.machine.engine.submit(sampler, priority=priority, listener=listener, batch_invariant=batch_invariant)

    def cancel(self, engine_job: Job) -> None:
        self.machine.engine.cancel(engine_job)

    def save(self, request: Request, k: int, drawn: runner.Drawn, stats: Any, job: JobState, cell: str | None = None) -> GeneratedImage:
        """Store one finished picture; it can be drawn again alone from what is stored with it."""
        alone, loaded = request.alone(k), self.load(request.model)
        note, seconds = drawn.notes[k] or (drawn.captions[k] if drawn.captions else None), (stats.network + stats.sampler) / request.count
        record = self.storage.save_image(drawn.pixels[k], alone.to_dict() | {
            "model_sha256": loaded.sha256, "steps": alone.steps, "nfe": drawn.nfe[k], "seconds": seconds, "job_id": job.id, "cell_id": cell,
            "environment": self.environment() | ({"note": note} if note else {})})
        return GeneratedImage(record.id, f"image/{record.id}.png", str(self.storage.path(record.id)), record.seed,
                              alone.settings | {"model_sha256": loaded.sha256}, drawn.nfe[k], seconds, note)

    def measured(self, request: Request, drawn: runner.Drawn, seconds: float) -> None:
        """Note how fast a request's model was."""
        if seconds > 0:
            self._rates[request.model] = sum(drawn.nfe) / seconds

    # Jobs

    def job(self, job_id: str) -> JobView | None:
        state = self.jobs.get(job_id)
        return state.view() if state else None

    def settings_of_job(self, job_id: str) -> dict[str, Any]:
        """What a job that draws pictures was made from."""
        state = self.jobs.get(job_id)
        if state is None or state.kind != "generate":
            raise UserError(GONE)
        return state.settings

    def stop(self, job_id: str) -> None:
        self.jobs.stop(job_id)

    def wait(self, job_id: str, seconds: float | None = None) -> JobView:
        """Block until a job ends, or for at most some seconds; for scripts."""
        state = self.jobs.get(job_id)
        if state is None:
            raise UserError(f"There is no job {job_id!r}; it may have ended long ago.")
        state.finished.wait(seconds)
        return state.view()

    # Models and device

    def load(self, name: str, stop: Callable[[], bool] = lambda: False) -> Loaded:
        """The network of a name, loaded and known to the engine; noted as a model that made pictures."""
        return self.machine.load(name, stop)

    def digest(self, model: str) -> str:
        """SHA-256 of the weights of a name."""
        return self.load(model).sha256

    def loaded(self) -> list[str]:
        return self.machine.cache.names()

    def held_bytes(self) -> int:
        return self.machine.held_bytes()

    def environment(self) -> dict[str, str]:
        """Device and versions, stored with every picture."""
        return self.machine.environment()

    def _remember(self, name: str, loaded: Loaded) -> None:
        entry = loaded.entry
        if self.storage.closed is not None:                        # pictures can be looked at with a model, none is made
            return
        self.storage.remember_model(loaded.sha256, family=entry.metadata["family"], name=name, source=entry.source,
                                    parameters=entry.parameters)

    def _needed(self) -> set[str]:
        """Models of unfinished jobs."""
        return {model for job in self.jobs.all() if job.status in RUNNING for model in job.models}

    def warm(self, after: float) -> None:
        """Import torch and load the first model, once, after so many seconds and on a thread of its own, so that the first click does not
        wait for it."""
        if self._warmed.acquire(blocking=False):
            self._begin("warm", self._warm, after)

    def _warm(self, after: float) -> None:
        try:
            if not self._closing.wait(after):
                self.load(self.weights.first(), self._closing.is_set)
        except sentences() as error:
            if not self._closing.is_set():
                log.warning("the first model could not be loaded: %s", sentence(error))

    def stop_all(self) -> None:
        """Stop all jobs, which are then interrupted."""
        self._closing.set()
        for state in self.jobs.all():
            self.jobs.stop(state.id)

    def close(self) -> None:
        """Stop all jobs, and close engine and database."""
        self.stop_all()
        for thread in list(self._threads):
            thread.join(timeout=5)
        self.machine.close()
        self.storage.close()
