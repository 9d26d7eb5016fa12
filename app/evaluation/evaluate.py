"""Measuring a model: caption accuracy by the judge, Fréchet distance, precision and recall, with the cost; likelihood."""
from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.ask import Ask, make_request
from app.drawing.runner import drawn_of
from app.errors import BadInput, UserError
from app.inspect.probe import ModelProbe
from app.uncertain import mean_and_error
from pipelines.data import dataset
from pipelines.options import Option

if TYPE_CHECKING:
    from pipelines.data.contract import FeatureSpace, Item, Judge
    from pipelines.request import Request

COUNT = Option("count", int, 480, "Count", "How many captions are drawn and judged.", low=8, high=5000)
TOLERANCE, STEPS = 1e-4, 300                               # of the likelihood's solver


def evaluate(artist: Artist, ask: Ask, split: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Draw one picture for each of `ask.count` fixed captions of a split of the model's data set (all of its groups evenly) and judge them.

    `frechet_floor` and the ceilings are what as many true pictures score; the kernel distance needs none. How far the judge itself
    can be trusted stands beside the accuracy. The numbers are exact for these captions and seeds: captions i and seeds i, i = 0 .. count-1.
    Raises BadInput where a data set has no such split, or nothing to measure by.
    """
    ask, count = artist.weights.resolved(ask), COUNT.parse(ask.count)
    loaded = artist.load(str(ask.model))
    if ask.adapter:
        raise BadInput(f"{ask.model} does not know this project's captions, by which models are judged; evaluate one that "
                       "the command `train` made.")
    data = dataset(ask.data_set)
    if split not in data.splits:
        raise BadInput(f"The data set {data.name} has no split {split}; it has {', '.join(data.splits)}.")
    if data.judge is None and data.features is None:
        raise BadInput(f"The data set {data.name} has neither a judge nor a network of features, so that nothing of {ask.model} can be "
                       "measured; evaluate a model of another.")
    cases = data.evaluation(split, count)
    first = make_request(replace(ask, prompt=cases[0].caption, seed=0, count=1))
    pictures, calls, seconds = drawn(artist, first, [case.caption for case in cases], progress)
    judged = _judged(data.judge(), data.groups, cases, pictures, first.face.label_only) if data.judge else {}
    distances = _distances(data.features(), split, pictures) if data.features else {}
    settings = first.settings
    return {
        "family": first.family, "model": ask.model, "sampler": first.sampler, "steps": first.steps,
        "guidance_scale": first.guidance_scale, "options": settings["options"], "split": split, "count": count,
        **judged, **distances, "nfe": calls, "seconds_per_image": seconds,
        **loaded.drawing.figures(loaded.net, data), "model_sha256": loaded.sha256, "environment": artist.environment()}


def _judged(judge: Judge, groups: Mapping[str, str], cases: list[Item], pictures: np.ndarray, label_only: bool) -> dict[str, Any]:
    """Accuracy of pictures (N, H, H, 3) of their captions, in all and by group, and the judge's own faults."""
    from pipelines.metrics.accuracy import accuracy
    fault = judge.label_fault if label_only else judge.fault
    faults = [fault(picture, judge.claim(case.caption)) for picture, case in zip(pictures, cases, strict=True)]
    parts = {"all": faults} | {name: [found for found, case in zip(faults, cases, strict=True) if case.group == name] for name in groups}
    found = {name: accuracy(part) for name, part in parts.items() if part}
    false_accepts, true_accepts = judge.rates()
    shown = [judge.attributes(picture, judge.claim(case.caption)) for picture, case in zip(pictures, cases, strict=True)] \
        if judge.attributes else []
    right = {name: [one[name] for one in shown if name in one] for name in dict.fromkeys(name for one in shown for name in one)}
    attributes = {"attribute_accuracy": float(np.mean([each for one in shown for each in one.values()])),
                  "attributes": {name: float(np.mean(found)) for name, found in right.items()}} if shown else {}
    return {"caption_accuracy": found["all"].share,
            **{f"caption_accuracy_{words.replace(' ', '_')}": found[name].share for name, words in groups.items() if name in found},
            **attributes, "intervals_95": {name: one.interval for name, one in found.items()},
            "failures": {name: one.reasons for name, one in found.items()},
            "judge_rules": judge.rules, "judge_false_accepts": false_accepts,
            "judge_false_accept": false_accepts, "judge_true_accepts": true_accepts}


def _distances(space: FeatureSpace, split: str, pictures: np.ndarray) -> dict[str, Any]:
    """Between drawn pictures (N, H, H, 3) and true ones of a split."""
    from pipelines.metrics.frechet import frechet_distance, kernel_distance, perfect, reference_features
    from pipelines.metrics.manifold import precision_recall
    fake, real = space.of(pictures), reference_features(space, split)
    precision, recall = precision_recall(real, fake)
    kernel, kernel_se = kernel_distance(real, fake)
    limit = perfect(space, split, len(pictures))
    return {"frechet_distance": frechet_distance(real, fake), "precision": precision, "recall": recall,
            "frechet_floor": limit.frechet, "precision_ceiling": limit.precision, "recall_ceiling": limit.recall,
            "kernel_distance": kernel, "kernel_distance_se": kernel_se, "feature_space": space.about}


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
    from pipelines.data.batches import to_tensor
    from pipelines.numerics import likelihood as numerics
    from pipelines.numerics.ode import Control
    from pipelines.numerics.ode_inversion import likelihood

    jobs, data = [], probe.request.data
    cases = data.evaluation("test", count)
    strata = [[case for case in cases if case.group == group] for group in data.groups or ("",)]
    turns = [case for turn in zip_longest(*strata) for case in turn if case is not None]       # of all groups in turn
    for k, case in enumerate(turns):
        x0 = to_tensor(data.picture(case, probe.loaded.side(probe.request)))[None].to(probe.device)
        request = replace(probe.request, prompt=case.caption, seed=k, count=1)
        control = Control(TOLERANCE, TOLERANCE, STEPS)
        jobs.append(probe.submit(likelihood(probe.ode_inversion, request, probe.loaded.sha256, x0, 1, control)))
    bits = []
    for job in jobs:
        event = list(job.events())[-1]
        if event.kind != "done" or event.result.notes[0]:
            raise UserError(event.error or event.result.notes[0])
        bits.append(float(numerics.bits_per_dim(event.result.x[:, 0], x0[0].numel())))
        progress(len(bits), count)
    mean, error = mean_and_error(*([bit for bit, case in zip(bits, turns, strict=True) if case.group == part[0].group] for part in strata))
    return {"bits_per_dim": mean, "bits_per_dim_se": error}
