"""The engine: continuous batching of denoising steps.

Its thread goes round: give free workers batches of the next groups, and evaluate itself what is not for them; take new and
cancelled jobs in; advance every job that has its answers until it asks for calls again. A finished or cancelled job's
generator is closed, and nothing of it is left.

Who is served: groups of the highest priority in the engine, in turn. While such a job is there, also between its calls, less
urgent ones wait, so that a picture beside a large grid takes little longer than alone. They do not starve: whenever the urgent
ones have had SHARE times what a batch of the others takes, one batch of the group that was served longest ago goes before
them. So an urgent call waits for two batches of less urgent work at most, one that was under way and one whose turn had come.
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

from pipelines.engine.batch import BUCKETS, Group, Piece, cut, group_key, stitch
from pipelines.engine.cache import Slab
from pipelines.engine.job import Event, Job, Listener, Stats
from pipelines.engine.workers import Batch, Workers, out_of_memory, use
from pipelines.protocol import Answer, Call, MemoryShape, Net, NetKey, Preview, Remembering, Sampler

log = logging.getLogger(__name__)
FEW = 24                           # tokens: one core reads fewer alone sooner than two together
NO_ROOM = "There is not enough memory for {}; close other programs or choose a smaller model."
SHARE = 4                          # of five seconds in networks those that urgent jobs get, while others wait


class Engine:
    """Runs samplers on one device.

    nets: what to evaluate for a NetKey; may be filled while the engine runs, before a job that needs it is submitted.
    cores: on a CPU, how many of its cores share the rows of a batch.
    """

    def __init__(self, nets: MutableMapping[NetKey, Net], device: torch.device | str = "cpu",
                 max_batch: int | None = None, cores: int = 1) -> None:
        self.nets, self.device = nets, torch.device(device)
        self.cores = cores if self.device.type == "cpu" else 1
        self._workers = Workers(self.cores, lambda batch: self._inbox.put(("landed", batch)))
        largest = max_batch or (64 if self.device.type == "cpu" else 256)
        self.buckets = tuple(b for b in BUCKETS if b <= largest)
        self.stats = Stats()
        self._groups: OrderedDict[tuple, Group] = OrderedDict()
        self._slabs: dict[MemoryShape, Slab] = {}
        self._jobs: dict[int, Job] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._numbers = itertools.count(1)
        self._urgent = 0.0                               # seconds in networks that urgent jobs have had since others had their turn
        self._door = threading.Lock()
        self._closed: Event | None = None                # what a job hears that comes too late
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def submit(self, sampler: Sampler, *, priority: int = 0, listener: Listener | None = None, batch_invariant: int | None = None) -> Job:
        """Queue a sampler; as long as it is there, those of lower priority wait for all but their share of the time.

        batch_invariant: a batch size; every batch of the job is filled up to it, so that a rerun is bit-identical whatever else is running.

        A listener gets (job, event) at once, on the engine's thread, and must return quickly; without one the events
        wait in `Job.events`.
        """
        job = Job(next(self._numbers), sampler, priority, listener, batch_invariant)
        with self._door:
            closed = self._closed
            if closed is None:
                self._inbox.put(("submit", job))
        if closed is not None:
            self._end(job, closed)
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job within one network call; a finished one stays finished."""
        self._inbox.put(("cancel", job))

    def close(self) -> None:
        """Cancel everything and end the thread."""
        self._inbox.put(("close", None))
        self._thread.join()

    def _loop(self) -> None:
        ended = Event("cancelled")
        with torch.inference_mode():
            try:
                while self._turn():
                    pass
            except Exception as error:                   # a fault of the engine's own: better told than waited for
                log.exception("the engine stopped")
                ended = Event("failed", error=f"The engine stopped with an error ({error}); start the program again.")
            self._workers.close()
        with self._door:
            self._closed = ended
        while not self._inbox.empty():
            what, item = self._inbox.get()
            if what == "submit":
                self._jobs[item.number] = item
        for job in list(self._jobs.values()):
            self._end(job, ended)

    def _turn(self) -> bool:
        """Let batches be evaluated, one of them here, then handle what has arrived; waits where nothing is for here. False: closed."""
        begin, busy = time.perf_counter(), bool(self._jobs)
        self._give_work()
        group = self._next(here=True)
        if group is not None:
            batch = self._formed(group)
            use(batch.threads)
            batch.evaluate()
            self._land(batch)
        going_on = all([self._handle(what, item) for what, item in self._arrived(wait=group is None)])
        if busy:
            self.stats.busy += time.perf_counter() - begin
        return going_on

    def _arrived(self, wait: bool) -> list[tuple[str, Any]]:
        """What has arrived: jobs that come and go first, so that the workers whose batches have landed serve them."""
        found = [self._inbox.get()] if wait else []
        found += [self._inbox.get() for _ in range(self._inbox.qsize())]
        return sorted(found, key=lambda event: event[0] == "landed")

    def _handle(self, what: str, item: Any) -> bool:
        if what == "submit":
            item.status = "running"
            self._jobs[item.number] = item
            item.emit(Event("started"))
            self._advance(item, None)
        elif what == "cancel" and item.number in self._jobs:
            self._end(item, Event("cancelled"))
        elif what == "landed":
            self._workers.batches.remove(item)
            if 2 * sum(group.rows for group in self._groups.values()) >= item.rows:
                self._give_work()                        # the cores have work while these rows go on to their next calls
            self._land(item)
            self._give_work()                            # before the next batch that has landed is looked at
        return what != "close"

    def _advance(self, job: Job, answer: tuple | None) -> None:
        """Run a job's own arithmetic until it asks for network calls or ends."""
        begin = time.perf_counter()
        try:
            yielded = job.sampler.send(answer)
            while isinstance(yielded, Preview):
                job._step = yielded.step
                job.emit(Event("preview", preview=yielded))
                yielded = job.sampler.send(None)
            self._await(job, yielded)
        except StopIteration as stop:
            self._end(job, Event("done", result=stop.value))
        except Exception as error:
            log.exception("sampler of job %d failed", job.number)
            self._end(job, Event("failed", error=NO_ROOM.format("what this picture remembers") if out_of_memory(error)
                                 else f"The sampler stopped with an error: {error}"))
        finally:
            seconds = time.perf_counter() - begin
            job.stats.sampler += seconds
            self.stats.sampler += seconds

    def _await(self, job: Job, calls: tuple[Call, ...]) -> None:
        """Let a job's calls wait in their groups. Raises ValueError for calls that no network can answer."""
        if not calls or not all(call.rows for call in calls):
            raise ValueError("it asked for an evaluation of no rows")
        job._parts = [{} for _ in calls]
        job._missing = sum(call.rows for call in calls)
        for slot, call in enumerate(calls):
            if call.cache is not None:
                self._reserve(job, call)
            job.stats.calls[call.net.method] += 1
            self.stats.calls[call.net.method] += 1
            buckets = (job.batch_invariant,) if job.batch_invariant else self.buckets
            group = self._groups.setdefault((*group_key(call), job.batch_invariant, job.priority), Group(buckets, job.priority))
            group.waiting.append(Piece(job, call, slot, 0, call.rows))

    def _give_work(self) -> None:
        """Batches for the workers that are free."""
        while self._workers.free and (group := self._next(here=False)):
            self._workers.start(self._formed(group))

    def _next(self, here: bool) -> Group | None:
        """The group whose turn it is, among those whose batches are evaluated here, or by the workers (see above)."""
        highest = max((job.priority for job in self._jobs.values()), default=0)
        waiting = [(key, group) for key, group in self._groups.items() if group.waiting]
        turn = [(key, group) for key, group in waiting if group.priority < highest][:1]        # it was served longest ago
        under_way = any(batch.group.priority < highest for batch in self._workers.batches)
        if turn and (under_way or self._urgent <= SHARE * turn[0][1].seconds):
            turn = []
        for key, group in turn + [(key, group) for key, group in waiting if group.priority == highest]:
            if self._is_here(group) == here:
                self._groups.move_to_end(key)
                return group
        return None

    def _is_here(self, group: Group) -> bool:
        """Whether this thread evaluates a group's batches: where there are no workers, where tokens are read (workers.py says
        why), and where a single row can have all cores."""
        first, alone = group.waiting[0], self._workers.free == self.cores
        return self.cores == 1 or first.call.cache is not None or (alone and not first.job.batch_invariant and group.rows == 1)

    def _formed(self, group: Group) -> Batch:
        """The next batch of a group: a fair share of its rows for each free worker, or all that may be evaluated here."""
        first, here, alone = group.waiting[0], self._is_here(group), self._workers.free == self.cores
        pieces = group.take(group.rows if here or first.job.batch_invariant else -(-group.rows // self._workers.free))
        rows = sum(piece.rows for piece in pieces)
        reading = first.call.cache is not None
        unfilled = reading and self.device.type == "cpu" and not first.job.batch_invariant        # there nothing is prepared for a size
        size = rows if unfilled else group.bucket(rows)
        everyone = here and alone and (not reading or size * first.call.x[0].numel() >= FEW)
        batch = Batch(self.nets.get(first.call.net), group, pieces, size, self.cores if everyone else 1)
        if reading:
            batch.memory = self._remembered(pieces, size)
        return batch

    def _land(self, batch: Batch) -> None:
        """Hand the answers to the jobs, and advance those that have all of theirs."""
        pieces = [piece for piece in batch.pieces if piece.job.number in self._jobs]
        self._clock(batch)
        if batch.answer is None:
            if batch.problem is None:                    # out of memory: halves fit, or the job alone fails
                self._split(batch.group, pieces, batch.rows)
            for job in {piece.job.number: piece.job for piece in pieces}.values() if batch.problem else ():
                self._end(job, Event("failed", error=batch.problem))
            return
        batch.group.measured(batch.size, batch.seconds)
        self._count(batch)
        first = 0
        for piece, part in zip(batch.pieces, cut(batch.answer, [piece.rows for piece in batch.pieces]), strict=True):
            good = batch.finite[first:first + piece.rows]
            first += piece.rows
            if piece.job.number in self._jobs:
                if all(good):
                    self._deliver(piece, part)
                else:
                    self._end(piece.job, Event("failed", error=(
                        f"The network's answer was not a number for image {piece.lo + good.index(False) + 1} after step "
                        f"{piece.job._step}; nothing was saved. Try another sampler, fewer steps or less guidance.")))

    def _reserve(self, job: Job, call: Call) -> None:
        """Slots for what a network is to remember of a job's rows. Raises LookupError if it is not there."""
        assert call.cache is not None
        if call.cache in job._slots:
            return
        net = self.nets.get(call.net)
        if not isinstance(net, Remembering):
            raise LookupError(f"there is no network {call.net.method!r} of these weights that remembers")
        slab = self._slabs.get(net.shape)
        if slab is None:
            slab = self._slabs[net.shape] = Slab(net.shape, self.device)
        job._slots[call.cache] = slab, slab.take(call.cache.rows)

    def _remembered(self, pieces: list[Piece], size: int) -> tuple[Tensor, Tensor]:
        """The slots (size,) of the pieces' rows, and the memory that they are in.

        Puts the pieces in the order of their slots, so that rows are read which lie together.
        """
        def slots_of(piece: Piece) -> list[int]:
            assert piece.call.cache is not None
            return piece.job._slots[piece.call.cache][1][piece.lo:piece.hi]

        pieces.sort(key=slots_of)
        slots = [slot for piece in pieces for slot in slots_of(piece)]
        slab = pieces[0].job._slots[pieces[0].call.cache][0]
        return torch.tensor(slots + slots[-1:] * (size - len(slots)), device=self.device), slab.memory

    def _split(self, group: Group, pieces: list[Piece], rows: int) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        smaller = tuple(b for b in group.buckets if b <= rows // 2)
        if not smaller:
            for piece in pieces:
                size = piece.job.batch_invariant
                what = f"the batches of {size} of an exactly repeatable run" if size else "a single image of this size"
                self._end(piece.job, Event("failed", error=NO_ROOM.format(what)))
            return
        log.warning("out of memory with a batch of %d; going on with at most %d", rows, smaller[-1])
        group.buckets = smaller
        group.rate = {b: rate for b, rate in group.rate.items() if b in smaller}
        group.waiting[:0] = pieces

    def _clock(self, batch: Batch) -> None:
        """Note what a batch took: of its group, and of what urgent jobs have had while others waited (see `_next`)."""
        batch.group.seconds = seconds = batch.seconds * batch.threads / self.cores
        levels = [job.priority for job in self._jobs.values()] or [0]
        self._urgent = self._urgent + seconds if min(levels) < batch.group.priority >= max(levels) else 0.0

    def _count(self, batch: Batch) -> None:
        """Seconds in networks are those of the whole device: a batch that had one of two cores cost half of them."""
        seconds, rows = batch.group.seconds, batch.rows
        self.stats.batches += 1
        self.stats.rows += rows
        self.stats.padded += batch.size - rows
        self.stats.network += seconds
        for piece in batch.pieces:
            piece.job.stats.rows += piece.rows
            piece.job.stats.network += seconds * piece.rows / rows
        for job in {piece.job.number: piece.job for piece in batch.pieces}.values():
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
        try:
            job.sampler.close()
        except Exception:                                # what it does at its end is no longer of use to anybody
            log.exception("sampler of job %d did not close", job.number)
        job._parts = []
        for slab, slots in job._slots.values():
            slab.free(slots)
        job._slots = {}
        self._slabs = {shape: slab for shape, slab in self._slabs.items() if slab.used}        # as large as ever, if they stayed
        job.status = event.kind
        job.emit(event)
