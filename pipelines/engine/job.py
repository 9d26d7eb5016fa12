"""A sampler on its way through the engine: what it was asked, what happened to it, what it has cost."""
from __future__ import annotations

import logging
import queue
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from pipelines.protocol import Answer, Cache, Preview, Sampler

if TYPE_CHECKING:
    from pipelines.engine.cache import Slab

log = logging.getLogger(__name__)
# Methods that are evaluations of the generative network; what reads captions, encodes, decodes or judges pictures is none.
GENERATIVE = ("predict", "predict_vjp", "read", "logits", "generate")
ENDS = ("done", "failed", "cancelled")
Listener = Callable[["Job", "Event"], None]


class EngineError(RuntimeError):
    """A job failed; the message is one sentence."""


@dataclass(frozen=True)
class Event:
    """What happened to a job: started, progress, preview, done, failed, cancelled."""
    kind: str
    preview: Preview | None = None
    result: Tensor | None = None
    error: str | None = None


@dataclass
class Stats:
    """What a job (or the whole engine) has cost so far."""
    calls: Counter = field(default_factory=Counter)      # method -> calls that samplers yielded
    batches: int = 0                                     # network evaluations that took part, each for many rows
    rows: int = 0
    padded: int = 0                                      # rows computed for nothing, to fill a bucket
    network: float = 0.0                                 # seconds in networks; a job's share is by its rows
    sampler: float = 0.0                                 # seconds in the samplers' own arithmetic
    busy: float = 0.0                                    # seconds in which the engine had work (engine only)

    @property
    def nfe(self) -> int:
        """Network evaluations per image."""
        return sum(self.calls[method] for method in GENERATIVE)


class Job:
    """A submitted sampler. Read `stats` and `events`; everything else is the engine's."""

    def __init__(self, number: int, sampler: Sampler, priority: int, listener: Listener | None,
                 batch_invariant: int | None = None) -> None:
        self.number, self.sampler, self.priority, self.batch_invariant = number, sampler, priority, batch_invariant
        self.stats = Stats()
        self.status = "waiting"
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._listener = listener
        self._parts: list[dict[int, Answer]] = []        # per call: first row -> answer
        self._slots: dict[Cache, tuple[Slab, list[int]]] = {}         # what is remembered of the job's rows
        self._missing = 0                                # rows whose answers are still to come
        self._step = 0

    def emit(self, event: Event) -> None:
        """Called by the engine."""
        if self._listener is None:
            self._events.put(event)
            return
        try:
            self._listener(self, event)
        except Exception:                                # its owner's fault, which no other job is to feel
            log.exception("the listener of job %d failed", self.number)

    def events(self) -> Iterator[Event]:
        """All events in order; ends after done, failed or cancelled. For one reader, of a job without a listener."""
        while True:
            event = self._events.get()
            yield event
            if event.kind in ENDS:
                return

    def result(self) -> Tensor:
        """Wait for the result. Raises EngineError if the job failed or was cancelled."""
        for event in self.events():
            if event.kind == "done":
                assert event.result is not None
                return event.result
            if event.kind in ENDS:
                raise EngineError(event.error or "The job was cancelled.")
        raise AssertionError("unreachable")
