"""The engine: continuous batching of denoising steps.

Its thread goes round: take new and cancelled jobs in; advance every job that has its answers until it wishes for calls
again; serve one batch of the next group. A finished or cancelled job's generator is closed, and nothing of it is left.
"""
from __future__ import annotations

import gc
import itertools
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any

import torch
from torch import Tensor

from pipelines.engine.batch import BUCKETS, Group, Piece, cut, finite_rows, group_key, join, stitch
from pipelines.engine.cache import Slab
from pipelines.engine.job import Event, Job, Listener, Stats
from pipelines.engine.lanes import Lanes
from pipelines.protocol import Answer, MemoryShape, Net, NetKey, Preview, Remembering, Sampler

log = logging.getLogger(__name__)


class Engine:
    """Runs samplers on one device.

    nets: what to evaluate for a NetKey; may be filled while the engine runs, before a job that needs it is submitted.
    cores: on a CPU, how many of its cores share the rows of a batch.
    """

    def __init__(self, nets: MutableMapping[NetKey, Net], device: torch.device | str = "cpu",
                 max_batch: int | None = None, cores: int = 1) -> None:
        self.nets, self.device = nets, torch.device(device)
        self._lanes = Lanes(cores if self.device.type == "cpu" else 1)
        largest = max_batch or (64 if self.device.type == "cpu" else 256)
        self.buckets = tuple(b for b in BUCKETS if b <= largest)
        self.stats = Stats()
        self._groups: OrderedDict[tuple, Group] = OrderedDict()
        self._slabs: dict[MemoryShape, Slab] = {}
        self._jobs: dict[int, Job] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Job | None]] = queue.SimpleQueue()
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, sampler: Sampler, *, priority: int = 0, listener: Listener | None = None, exact: int | None = None) -> Job:
        """Queue a sampler; a higher priority is served first within a batch group.

        exact: a batch size; every batch of the job is filled up to it, so that a rerun is bit-identical whatever else is running.

        A listener gets (job, event) at once, on the engine's thread, and must return quickly; without one the events
        wait in `Job.events`.
        """
        job = Job(next(self._numbers), sampler, priority, listener, exact)
        self._inbox.put(("submit", job))
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job within one network call; a finished one stays finished."""
        self._inbox.put(("cancel", job))

    def close(self) -> None:
        """Cancel everything and end the thread."""
        self._inbox.put(("close", None))
        self._thread.join()
        self._lanes.close()

    def _loop(self) -> None:
        with torch.inference_mode():
            while self._take_inbox():
                begin = time.perf_counter()
                self._serve_one_batch()
                self.stats.busy += time.perf_counter() - begin
        for job in list(self._jobs.values()):
            self._end(job, Event("cancelled"))

    def _take_inbox(self) -> bool:
        """Handle what has arrived, waiting if there is nothing else to do; False when the engine is closed."""
        while not (self._jobs and self._inbox.empty()):
            what, job = self._inbox.get()
            if job is None:
                return False
            if what == "submit":
                job.status = "running"
                self._jobs[job.number] = job
                job.emit(Event("started"))
                self._advance(job, None)
            elif job.number in self._jobs:
                self._end(job, Event("cancelled"))
        return True

    def _advance(self, job: Job, answer: tuple | None) -> None:
        """Run a job's own arithmetic until it wishes for network calls or ends."""
        begin = time.perf_counter()
        try:
            wish = job.sampler.send(answer)
            while isinstance(wish, Preview):
                job._step = wish.step
                job.emit(Event("preview", preview=wish))
                wish = job.sampler.send(None)
        except StopIteration as stop:
            self._end(job, Event("done", result=stop.value))
            return
        except Exception as error:
            log.exception("sampler of job %d failed", job.number)
            self._end(job, Event("failed", error=f"The sampler stopped with an error: {error}"))
            return
        finally:
            seconds = time.perf_counter() - begin
            job.stats.sampler += seconds
            self.stats.sampler += seconds
        job._parts = [{} for _ in wish]
        job._missing = sum(call.rows for call in wish)
        for slot, call in enumerate(wish):
            job.stats.calls[call.net.method] += 1
            self.stats.calls[call.net.method] += 1
            buckets = (job.exact,) if job.exact else self.buckets
            group = self._groups.setdefault((*group_key(call), job.exact), Group(buckets))
            group.waiting.append(Piece(job, call, slot, 0, call.rows))

    def _serve_one_batch(self) -> None:
        """Serve the group whose turn it is; groups take turns, so that none holds up another."""
        for key, group in self._groups.items():
            if group.waiting:
                self._groups.move_to_end(key)
                self._evaluate(group, group.take())
                return

    def _evaluate(self, group: Group, pieces: list[Piece]) -> None:
        net = pieces[0].call.net
        rows = sum(piece.rows for piece in pieces)
        size = group.bucket(rows)
        begin = time.perf_counter()
        answer, problem = self._call(net, pieces, size)
        seconds = time.perf_counter() - begin
        if answer is None:
            if problem is None:                          # out of memory: halves fit, or the job alone fails
                self._split(group, pieces, rows)
            else:
                for job in {piece.job.number: piece.job for piece in pieces}.values():
                    self._end(job, Event("failed", error=problem))
            return
        group.measured(size, seconds)
        self._count(pieces, rows, size, seconds)
        finite = finite_rows(answer).tolist()
        first = 0
        for piece, part in zip(pieces, cut(answer, [piece.rows for piece in pieces]), strict=True):
            good = finite[first:first + piece.rows]
            first += piece.rows
            if piece.job.number in self._jobs:
                if all(good):
                    self._deliver(piece, part)
                else:
                    self._end(piece.job, Event("failed", error=(
                        f"The network's answer was not a number for image {piece.lo + good.index(False) + 1} after step "
                        f"{piece.job._step}; nothing was saved. Try another sampler, fewer steps or less guidance.")))

    def _call(self, net: NetKey, pieces: list[Piece], size: int) -> tuple[Answer | None, str | None]:
        """(answer, None); (None, None) when memory ran out; (None, sentence) for another error."""
        try:
            remembered = () if pieces[0].call.cache is None else self._remember(pieces, size)
            x, t, cond = join(pieces, size)
            arguments: tuple[Any, ...] = (x, cond) if t is None else (x, t, cond)
            shared: tuple[Tensor, ...] = ()
            if remembered:
                slab, slots = remembered
                arguments, shared = (*arguments, slots), (slab.memory,)
            answer = self._lanes.evaluate(self.nets[net], arguments, shared)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)      # so that the time measured is the network's
            return answer, None
        except Exception as error:
            if _out_of_memory(error):
                return None, None
            log.exception("network %s failed", net)
            return None, f"The network {net.method} stopped with an error: {error}"

    def _remember(self, pieces: list[Piece], size: int) -> tuple[Slab, Tensor]:
        """The memory of a network and the slots (size,) of the pieces' rows in it, taken at a cache's first call.

        Puts the pieces in the order of their slots, so that each core reads rows that lie together.
        """
        net = self.nets[pieces[0].call.net]
        assert isinstance(net, Remembering)
        slab = self._slabs.get(net.shape)
        if slab is None:
            slab = self._slabs[net.shape] = Slab(net.shape, self.device)

        def slots_of(piece: Piece) -> list[int]:
            cache = piece.call.cache
            assert cache is not None
            if cache not in piece.job._slots:
                piece.job._slots[cache] = slab, slab.take(cache.rows)
            return piece.job._slots[cache][1][piece.lo:piece.hi]

        pieces.sort(key=slots_of)
        slots = [slot for piece in pieces for slot in slots_of(piece)]
        return slab, torch.tensor(slots + slots[-1:] * (size - len(slots)), device=self.device)

    def _split(self, group: Group, pieces: list[Piece], rows: int) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        smaller = tuple(b for b in group.buckets if b <= rows // 2)
        if not smaller:
            for piece in pieces:
                exact = piece.job.exact
                what = f"the batches of {exact} of an exactly repeatable run" if exact else "a single image of this size"
                self._end(piece.job, Event("failed", error=(
                    f"There is not enough memory for {what}; close other programs or choose a smaller model.")))
            return
        log.warning("out of memory with a batch of %d; going on with at most %d", rows, smaller[-1])
        group.buckets = smaller
        group.rate = {b: rate for b, rate in group.rate.items() if b in smaller}
        group.waiting[:0] = pieces

    def _count(self, pieces: list[Piece], rows: int, size: int, seconds: float) -> None:
        self.stats.batches += 1
        self.stats.rows += rows
        self.stats.padded += size - rows
        self.stats.network += seconds
        for piece in pieces:
            piece.job.stats.rows += piece.rows
            piece.job.stats.network += seconds * piece.rows / rows
        for job in {piece.job.number: piece.job for piece in pieces}.values():
            job.stats.batches += 1

    def _deliver(self, piece: Piece, part: Answer) -> None:
        job = piece.job
        job._parts[piece.slot][piece.lo] = part
        job._missing -= piece.rows
        if job._missing == 0:
            answer = tuple(stitch(parts[lo] for lo in sorted(parts)) for parts in job._parts)
            job.emit(Event("progress"))
            self._advance(job, answer)

    def _end(self, job: Job, event: Event) -> None:
        """Close the generator, forget the job and everything it was waiting for, tell its listener."""
        self._jobs.pop(job.number, None)
        for key, group in list(self._groups.items()):
            group.waiting = [piece for piece in group.waiting if piece.job is not job]
            if not group.waiting and key[0] not in self.nets:
                del self._groups[key]                    # its weights were unloaded
        job.sampler.close()
        job._parts = []
        for slab, slots in job._slots.values():
            slab.free(slots)
        job._slots = {}
        job.status = event.kind
        job.emit(event)


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
