"""Measuring a model: caption accuracy by the judge, Fréchet distance, precision and recall, with the cost; likelihood."""
from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.ask import Ask, make_request
from app.drawing.runner import drawn_of
from app.errors import BadInput, UserError
from app.inspect.probe import ModelProbe
from app.uncertain import mean_and_error
from pipelines.options import Option
from pipelines.request import face_of

if TYPE_CHECKING:
    from pipelines.request import Request

COUNT = Option("count", int, 480, "Count", "How many captions are drawn and judged.", low=8, high=5000)
TOLERANCE, STEPS = 1e-4, 300                               # of the likelihood's solver


def evaluate(artist: Artist, ask: Ask, split: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Draw one picture for each of `ask.count` fixed captions of a split (half with one object, half with two) and judge them.

    `frechet_floor` and the ceilings are what as many rendered pictures score; the kernel distance needs none. How far the judge itself
    can be trusted stands beside the accuracy. The numbers are exact for these captions and seeds: captions i and seeds i, i = 0 .. count-1.
    """
    from pipelines.data.shapes.accuracy import caption_accuracy, evaluation_captions, label_accuracy
    from pipelines.data.shapes.features import features, load_features
    from pipelines.data.shapes.judge import RULES
    from pipelines.data.shapes.near_misses import rates
    from pipelines.metrics.frechet import frechet_distance, kernel_distance, perfect, reference_features
    from pipelines.metrics.manifold import precision_recall

    ask, count = artist.weights.resolved(ask), COUNT.parse(ask.count)
    loaded = artist.load(str(ask.model))
    cases = [*evaluation_captions(split, count - count // 2, objects=1), *evaluation_captions(split, count // 2, objects=2)]
    if ask.adapter:
        raise BadInput(f"{ask.model} does not know this project's captions, by which models are judged; evaluate one that "
                       "the command `train` made.")
    first = make_request(replace(ask, prompt=cases[0][1], seed=0, count=1))
    pictures, calls, seconds = drawn(artist, first, [caption for _, caption, _ in cases], progress)
    one = count - count // 2
    judge = label_accuracy if face_of(ask.family).label_only else caption_accuracy
    accuracy = {name: judge(pictures[part], [claim for _, _, claim in cases[part]])
                for name, part in (("all", slice(None)), ("one", slice(one)), ("two", slice(one, None)))}
    space = load_features()
    fake, real = features(space, pictures), reference_features(space, split)
    precision, recall = precision_recall(real, fake)
    kernel, kernel_se = kernel_distance(real, fake)
    limit, judged = perfect(space, split, count), rates()
    settings = first.settings
    return {
        "family": first.family, "model": ask.model, "sampler": first.sampler, "steps": first.steps,
        "guidance_scale": first.guidance_scale, "options": settings["options"], "split": split, "count": count,
        "caption_accuracy": accuracy["all"].share, "caption_accuracy_one_object": accuracy["one"].share,
        "caption_accuracy_two_objects": accuracy["two"].share, "intervals_95": {n: a.interval for n, a in accuracy.items()},
        "failures": {n: asdict(a).get("reasons", {}) for n, a in accuracy.items()},
        "frechet_distance": frechet_distance(real, fake), "precision": precision, "recall": recall,
        "frechet_floor": limit.frechet, "precision_ceiling": limit.precision, "recall_ceiling": limit.recall,
        "kernel_distance": kernel, "kernel_distance_se": kernel_se, "judge_rules": RULES, "judge_false_accepts": judged.false_accepts,
        "judge_true_accepts": judged.true_accepts,
        "feature_space": "our own, not Inception", "nfe": calls, "seconds_per_image": seconds,
        **loaded.drawing.figures(loaded.net), "model_sha256": loaded.sha256, "environment": artist.environment()}


def drawn(artist: Artist, first: Request, captions: list[str],
          progress: Callable[[int, int], None]) -> tuple[np.ndarray, float, float]:
    """Caption i drawn with seed i and else as `first` says: pictures (N, H, W, 3) uint8, calls and seconds of one on average."""
    inbox: queue.SimpleQueue[tuple[int, Any, Any]] = queue.SimpleQueue()

    def listen(index: int) -> Callable[[Any, Any], None]:
        return lambda engine_job, event: inbox.put((index, engine_job, event))

    count = len(captions)
    images: list[np.ndarray | None] = [None] * count
    calls = seconds = 0.0
    waiting, active, ended = list(range(count)), 0, 0
    while ended < count:
        while waiting and active < 64:
            index = waiting.pop(0)
            artist.submit(replace(first, prompt=captions[index], seed=index), 0, listen(index))
            active += 1
        index, job, event = inbox.get()
        if event.kind in ("failed", "cancelled"):
            raise UserError(event.error or "The evaluation was stopped.")
        if event.kind == "done":
            found = drawn_of(first, event.result, job.stats.nfe)
            images[index] = found.pixels[0]
            calls, seconds = calls + found.nfe[0], seconds + job.stats.network + job.stats.sampler
            active, ended = active - 1, ended + 1
            progress(ended, count)
    return np.stack([image for image in images if image is not None]), calls / count, seconds / count


def bits_per_dim(probe: ModelProbe, count: int, progress: Callable[[int, int], None]) -> dict[str, float | None]:
    """Bits per dimension of `count` fixed test pictures under their captions, on average, by the model's ODE: `bits_per_dim`, and
    `bits_per_dim_se`, the standard error.

    Each picture has a draw of the dequantisation and a direction of the divergence of its own, so the spread between pictures, from
    which the error follows, holds theirs too. Raises UserError if the model has none, or if the solver was stopped before it was
    exact enough.
    """
    from pipelines.data.dataset import to_tensor
    from pipelines.data.shapes.accuracy import evaluation_captions
    from pipelines.data.shapes.scenes import render
    from pipelines.numerics import likelihood as numerics
    from pipelines.numerics.ode import Control
    from pipelines.numerics.transport import likelihood

    jobs, cases = [], [evaluation_captions("test", (count + 1) // 2, objects) for objects in (1, 2)]
    for k in range(count):
        scene, caption, _ = cases[k % 2][k // 2]
        x0 = to_tensor(render(scene, probe.loaded.size))[None].to(probe.device)
        request = replace(probe.request, prompt=caption, seed=k, count=1)
        jobs.append(probe.submit(likelihood(probe.transport, request, probe.loaded.sha256, x0, 1, Control(TOLERANCE, TOLERANCE, STEPS))))
    bits = []
    for job in jobs:
        event = list(job.events())[-1]
        if event.kind != "done" or event.result.notes[0]:
            raise UserError(event.error or event.result.notes[0])
        bits.append(float(numerics.bits_per_dim(event.result.x[:, 0], x0[0].numel())))
        progress(len(bits), count)
    mean, error = mean_and_error(bits[::2], bits[1::2])                    # with one thing, and with two
    return {"bits_per_dim": mean, "bits_per_dim_se": error}
