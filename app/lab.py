"""The 2-D laboratory: small models that are trained while one looks on, and particles that follow them."""
from __future__ import annotations

import math
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.requests import face_of
from app.views import BadInput, UserError
from pipelines import registry
from pipelines.options import Option, OptionError, build, options_of

if TYPE_CHECKING:
    from pipelines.plane import PlaneNet

DENSITIES = ("moons", "gaussians", "spiral", "drawn")      # pipelines.plane has them; a test compares
KEPT = 8                           # models in memory; the oldest makes room
FRAMES, ARROWS, SPAN = 40, 13, 1.5                         # steps and arrows a side that are sent; half the window's width
COUNT = Option("count", int, 400, "Particles", "How many particles are drawn.", low=1, high=1000)
STEPS = Option("steps", int, 30, "Steps", "How many steps from noise to data.", low=1, high=300)
SEED = Option("seed", int, 0, "Seed", "Number of the random stream.", low=0, high=2**32 - 1)


@dataclass
class Model:
    """A model of the laboratory; `stop` is set when nobody needs it any more."""
    family: str
    density: str
    points: np.ndarray | None
    net: PlaneNet | None = None
    step: int = 0
    total: int = 0
    losses: list[float] = field(default_factory=list)
    error: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class Lab:
    """Trains models on threads of its own and answers questions about them. Raises UserError with one sentence."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()

    def train(self, family: str, density: str, points: list[list[float]] | None = None) -> str:
        """Begin to train on a density, or on points (x, y) in [-1.5, 1.5]^2 if it is "drawn"; returns the model's id."""
        face_of(family)
        if density not in DENSITIES:
            raise BadInput(f"There is no density {density!r}; there are {', '.join(DENSITIES)}.")
        model = Model(family, density, _points(points) if density == "drawn" else None)
        name = uuid.uuid4().hex
        with self._lock:
            self._models[name] = model
            while len(self._models) > KEPT:
                self._models.popitem(last=False)[1].stop.set()
        threading.Thread(target=_train, args=(model,), name="lab", daemon=True).start()
        return name

    def state(self, name: str) -> dict[str, Any]:
        """How far the training is: step, total, the running loss, and some points of the data."""
        model = self._model(name)
        recent = model.losses[-50:]
        return {"step": model.step, "total": model.total, "done": model.done.is_set(), "error": model.error,
                "loss": sum(recent) / len(recent) if recent else None, "data": _data(model)}

    def run(self, name: str, sampler: str, options: dict[str, Any], count: Any, seed: Any, fan: bool) -> dict[str, Any]:
        """Particles from noise to data by a sampler: their ways, the field at a few times, the cost.

        fan: all particles start at the same point, so that an SDE's noise spreads them and an ODE does not.
        """
        from pipelines.plane import CloudNoise
        from pipelines.protocol import Outcome
        model, net = self._ready(name)
        spec = face_of(model.family).samplers.get(sampler)
        if spec is None:
            raise BadInput(f"There is no sampler {sampler!r} in {model.family}.")
        try:
            rows, seed = COUNT.parse(count), SEED.parse(seed)
            known = {o.name for o in options_of(spec.options)}
            steps = STEPS.parse(options.get("steps", STEPS.default))
            chosen = build(spec.options, {n: v for n, v in options.items() if n in known} | {"steps": steps})
        except OptionError as error:
            raise BadInput(str(error)) from None
        chosen = replace(chosen, clip=False)                     # the densities of the plane are not confined to [-1, 1]
        plane, noise = registry.family(model.family).plane, CloudNoise(seed, rows)
        x = noise.normal()
        if fan:
            x = x[:1].expand(rows, 2).clone()
        ways, result, calls = _follow(plane.start(sampler, chosen, x, noise), net)
        final = result.x if isinstance(result, Outcome) else result
        kept = sorted({round(k * (len(ways) - 1) / (FRAMES - 1)) for k in range(FRAMES)}) if ways else []
        times = [ways[k][0] for k in kept] + [plane.data_at]
        return {"t": times, "frames": [_flat(ways[k][1]) for k in kept] + [_flat(final)], "calls": calls,
                "arrows": [_flat(plane.field(net, _grid(ARROWS), t, chosen).detach()) for t in times], "grid": _flat(_grid(ARROWS))}

    def contours(self, name: str, options: dict[str, Any], side: int = 48) -> dict[str, Any]:
        """log p on a grid over the window, row by row from its lower left corner, along the process or path of the options."""
        from pipelines.protocol import run_alone
        model, net = self._ready(name)
        spec = next(iter(face_of(model.family).samplers.values()))
        known = {o.name for o in options_of(spec.options)}
        try:
            chosen = build(spec.options, {n: v for n, v in options.items() if n in known and n != "steps"})
        except OptionError as error:
            raise BadInput(str(error)) from None
        log_p = run_alone(registry.family(model.family).plane.log_density(_grid(side), chosen), net.nets).x[:, 0]
        mass = float(log_p.exp().sum()) * (2 * SPAN / (side - 1)) ** 2
        return {"side": side, "log_p": [round(v, 3) for v in log_p.clamp(min=-30).tolist()], "mass": mass}

    def wait(self, name: str, seconds: float) -> None:
        """Block until a training ends; for tests and scripts."""
        self._model(name).done.wait(seconds)

    def close(self) -> None:
        for model in self._models.values():
            model.stop.set()

    def _model(self, name: str) -> Model:
        model = self._models.get(name)
        if model is None:
            raise UserError("That model of the laboratory is no longer kept; press Train again.")
        return model

    def _ready(self, name: str) -> tuple[Model, PlaneNet]:
        model = self._model(name)
        if model.error:
            raise UserError(model.error)
        if model.net is None:
            raise UserError("The training has only just begun; ask again in a moment.")
        return model, model.net


def _train(model: Model) -> None:
    import torch

    from pipelines.plane import STEPS, PlaneNet, train
    try:
        torch.manual_seed(0)
        model.total, model.net = STEPS, PlaneNet()
        plane = registry.family(model.family).plane
        for step, loss in train(model.net, plane, model.density, model.points, steps=STEPS):
            model.step = step
            model.losses.append(loss)
            if not math.isfinite(loss):
                raise UserError("The training ran away; draw the points less far apart and train again.")
            if model.stop.is_set():
                break
    except Exception as error:
        model.error = str(error)
    finally:
        model.done.set()


def _follow(sampler: Any, net: Any) -> tuple[list[tuple[float, Any]], Any, int]:
    """(the previews' (t, x), the result, network calls) of a sampler that runs by itself."""
    import torch

    from pipelines.protocol import Preview, evaluate
    ways: list[tuple[float, Any]] = []
    answer, calls = None, 0
    with torch.inference_mode():
        while True:
            try:
                wish = sampler.send(answer)
            except StopIteration as stop:
                return ways, stop.value, calls
            if isinstance(wish, Preview):
                ways.append((wish.t, wish.x_t))
                answer = None
            else:
                answer = tuple(evaluate(net.nets[call.net], call) for call in wish)
                calls += len(wish)


def _points(points: list[list[float]] | None) -> np.ndarray:
    found = np.asarray(points if points else np.zeros((0, 2)), dtype=float)
    if found.ndim != 2 or found.shape[1] != 2 or not 5 <= len(found) <= 5000 or not np.isfinite(found).all() or abs(found).max() > SPAN:
        raise BadInput("Draw at least 5 and at most 5,000 points inside the square with the mouse, then press Train.")
    return found


def _data(model: Model) -> list[float]:
    from pipelines.plane import sample_density
    return _flat(sample_density(model.density, 300, np.random.default_rng(1), model.points))


def _grid(side: int) -> Any:
    import torch
    line = torch.linspace(-SPAN, SPAN, side)
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1).reshape(-1, 2)


def _flat(x: Any) -> list[float]:
    """(N, 2) as x0, y0, x1, y1, ... to three digits."""
    return [round(v, 3) for v in x.clamp(-9, 9).flatten().tolist()]
