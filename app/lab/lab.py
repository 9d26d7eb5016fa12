"""The 2-D laboratory: small models that are trained while one looks on, and particles that follow them."""
from __future__ import annotations

import math
import threading
import uuid
from collections import OrderedDict
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.errors import BadInput, UserError
from app.uncertain import folded
from pipelines import registry
from pipelines.options import Option, build, options_of
from pipelines.request import face_of

if TYPE_CHECKING:
    from pipelines.toy2d.toy2d import Toy2D, Training

DENSITIES = ("moons", "gaussians", "spiral", "drawn")      # pipelines.toy2d.toy2d has them; a test compares
KEPT = 8                           # models in memory; the oldest makes room
FRAMES, ARROWS, SIDE, SPAN = 40, 13, 48, 1.5               # steps, arrows and shades a side that are sent; half the window's width
COUNT = Option("count", int, 400, "Particles", "How many particles are drawn.", low=1, high=1000)
STEPS = Option("steps", int, 30, "Steps", "How many steps from noise to data.", symbol="N", low=1, high=300)
SEED = Option("seed", int, 0, "Seed", "Number of the random stream.", low=0, high=2**32 - 1)
TIMES = Option("count", int, 1, "Training steps", "How many steps are taken at once.", low=1, high=100)


def bench(family: str) -> dict[str, Any]:
    """What the page of a family's laboratory is made from: what it says of the plane, every sampler's controls, those of the training."""
    face = registry.face(family)
    samplers = [{"name": s.name, "title": s.title, "options": [_shown(STEPS if o.name == "steps" else o) for o in _offered(s.options)]}
                for s in face.samplers.values()]
    return asdict(face.toy2d) | {"family": family, "unit": face.unit, "samplers": samplers,
                                 "learnt": [_shown(o) for o in options_of(face.network) if o.name in face.toy2d.learnt]}


def _offered(cls: type) -> list[Option]:
    """The options of a sampler that say something of points."""
    return [o for o in options_of(cls) if o.in_plane]


def _shown(option: Option) -> dict[str, Any]:
    return {f: getattr(option, f) for f in ("name", "label", "help", "default", "low", "high", "choices")} | {
        "type": option.type.__name__}


@dataclass
class Model:
    """A model of the laboratory; `stop` is set when nobody needs it any more, or somebody goes on step by step."""
    family: str
    density: str
    points: np.ndarray | None
    options: Any                   # the family's network options
    training: Training | None = None
    step: int = 0
    total: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    error: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def toy2d(self) -> Toy2D:
        return registry.family(self.family).toy2d

    def begin(self) -> Training:
        """A network that has learnt nothing yet."""
        import torch

        from pipelines.toy2d.toy2d import Training
        torch.manual_seed(0)
        self.training = Training(self.toy2d.network(self.options), self.toy2d, self.density, self.points)
        return self.training

    def note(self, losses: Mapping[str, float]) -> None:
        """One step more. Raises UserError where the losses are no numbers any more."""
        self.step += 1
        for name, loss in losses.items():
            self.losses.setdefault(name, []).append(loss)
        if not all(map(math.isfinite, losses.values())):
            raise UserError("The training ran away; draw the points less far apart and train again.")


class Lab:
    """Trains models on threads of its own and answers questions about them. Raises `app.errors.sentences`."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()

    def train(self, family: str, density: str, points: list[list[float]] | None = None, options: Mapping[str, Any] | None = None,
              live: bool = True) -> str:
        """Begin to train on a density, or on points (x, y) in [-1.5, 1.5]^2 if it is "drawn"; returns the model's id.

        options: of the new network. live: train on until it is learnt; else wait for `step`.
        """
        face = face_of(family)
        if density not in DENSITIES:
            raise BadInput(f"There is no density {density!r}; there are {', '.join(DENSITIES)}.")
        chosen = _build(face.network, options or {}, face.toy2d.learnt)
        model = Model(family, density, _points(points) if density == "drawn" else None, chosen)
        name = uuid.uuid4().hex
        with self._lock:
            self._models[name] = model
            while len(self._models) > KEPT:
                self._models.popitem(last=False)[1].stop.set()
        if live:
            threading.Thread(target=_train, args=(model,), name="lab", daemon=True).start()
        else:
            model.begin()
            model.done.set()
        return name

    def step(self, name: str, parts: list[str], count: Any) -> dict[str, Any]:
        """So many steps of the named parts, each in turn, at the full learning rate; a training that runs is stopped first."""
        model, training = self._ready(name)
        unknown = [part for part in parts if part not in model.toy2d.parts]
        if unknown or not parts:
            raise BadInput(f"Name the parts to train; there are {', '.join(model.toy2d.parts)}.")
        times = TIMES.parse(count)
        model.stop.set()
        model.done.wait(60)
        with model.lock:
            try:
                for _ in range(times):
                    model.note(training.step(parts))
            except UserError as error:
                model.error = str(error)
        return self.state(name)

    def state(self, name: str) -> dict[str, Any]:
        """How far the training is: step, total, the running loss of each part, and some points of the data."""
        model = self._model(name)
        recent = {part: losses[-50:] for part, losses in list(model.losses.items())}
        return {"step": model.step, "total": model.total, "done": model.done.is_set(), "error": model.error,
                "losses": {part: sum(losses) / len(losses) for part, losses in recent.items()}, "data": _flat(_data(model))}

    def run(self, name: str, sampler: str, options: Mapping[str, Any], count: Any, seed: Any, fan: bool) -> dict[str, Any]:
        """Particles from noise to data by a sampler: their trajectories, what the network says at a few times, the cost.

        fan: all particles start at the same point, so that an SDE's noise spreads them and an ODE does not.
        """
        import torch

        from pipelines.toy2d.toy2d import CloudNoise
        model, training = self._ready(name)
        spec = face_of(model.family).samplers.get(sampler)
        if spec is None:
            raise BadInput(f"There is no sampler {sampler!r} in {model.family}.")
        rows, seed = COUNT.parse(count), SEED.parse(seed)
        if any(o.name == "steps" for o in options_of(spec.options)):
            options = {**options, "steps": STEPS.parse(options.get("steps", STEPS.default))}
        chosen = _sampled(spec.options, options)
        toy2d, net, noise = model.toy2d, deepcopy(training.net), CloudNoise(seed, rows)      # the network itself may learn on meanwhile
        x = noise.normal()
        if fan:
            x = x[:1].expand(rows, 2).clone()
        trajectories, final, calls = _follow(toy2d.start(sampler, chosen, x, noise), toy2d.nets(net))
        kept = sorted({round(k * (len(trajectories) - 1) / (FRAMES - 1)) for k in range(FRAMES)}) if trajectories else []
        times = [trajectories[k][0] for k in kept] + [toy2d.data_at]
        arrows = [_flat(toy2d.field(net, _grid(ARROWS), t, chosen)) if toy2d.field else [] for t in times]
        data = _data(model)
        with torch.inference_mode():
            views = [toy2d.view(net, _grid(SIDE), data, t) for t in times]
            figures = folded(toy2d.figures(net, data))
        return {"t": times, "frames": [_flat(trajectories[k][1]) for k in kept] + [_flat(final)], "calls": calls, "figures": figures,
                "arrows": arrows, "grid": _flat(_grid(ARROWS)), "side": SIDE,
                "views": [{part: _flat(z) for part, z in vars(view).items() if z is not None} for view in views]}

    def contours(self, name: str, options: Mapping[str, Any], side: int = SIDE) -> dict[str, Any]:
        """log p on a grid over the window, row by row from its lower left corner, along the process or path of the options."""
        from pipelines.protocol import run_alone
        model, training = self._ready(name)
        toy2d = model.toy2d
        if toy2d.log_density is None:
            face = registry.face(model.family)
            raise UserError(face.toy2d.no_likelihood or f"{face.title} defines no likelihood of points.")
        spec = next(iter(face_of(model.family).samplers.values()))
        chosen = _sampled(spec.options, {n: v for n, v in options.items() if n != "steps"})
        log_p = run_alone(toy2d.log_density(_grid(side), chosen), toy2d.nets(deepcopy(training.net))).x[:, 0].detach()
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

    def _ready(self, name: str) -> tuple[Model, Training]:
        model = self._model(name)
        if model.error:
            raise UserError(model.error)
        if model.training is None:
            raise UserError("The training has only just begun; ask again in a moment.")
        return model, model.training


def _train(model: Model) -> None:
    from pipelines.toy2d import toy2d
    try:
        model.total = round(toy2d.STEPS * model.toy2d.pace)
        for _, losses in model.begin().run(model.total):
            model.note(losses)
            if model.stop.is_set():
                break
    except Exception as error:
        model.error = str(error)
    finally:
        model.done.set()


def _follow(sampler: Any, nets: Any) -> tuple[list[tuple[float, Any]], Any, int]:
    """(the previews' (t, x), the resulting points, network calls) of a sampler that runs by itself."""
    import torch

    from pipelines.protocol import Outcome, Preview, run_alone
    trajectories: list[tuple[float, Any]] = []
    calls = 0

    def watch(yielded: Any) -> None:
        nonlocal calls
        if isinstance(yielded, Preview):
            trajectories.append((yielded.t, yielded.x_t))
        else:
            calls += sum(call.net.method != "decode" for call in yielded)             # as samplers count: tokens, not looks at them

    with torch.inference_mode():
        result = run_alone(sampler, nets, watch)
    return trajectories, result.x if isinstance(result, Outcome) else result, calls


def _build(cls: type, options: Mapping[str, Any], names: Collection[str]) -> Any:
    """Options of a sampler or a network from those values that count here; other samplers' may be among what is given."""
    chosen = build(cls, {name: value for name, value in options.items() if name in names})
    return replace(chosen, clip=False) if hasattr(chosen, "clip") else chosen       # the densities are not confined to [-1, 1]


def _sampled(cls: type, options: Mapping[str, Any]) -> Any:
    return _build(cls, options, [o.name for o in _offered(cls)])


def _points(points: list[list[float]] | None) -> np.ndarray:
    places = points or []
    if not 5 <= len(places) <= 5000 or any(len(place) != 2 or not all(abs(x) <= SPAN for x in place) for place in places):
        raise BadInput("Draw at least 5 and at most 5,000 points inside the square with the mouse, then press Train.")
    return np.asarray(places, dtype=float)


def _data(model: Model) -> Any:
    from pipelines.toy2d.toy2d import sample_density
    return sample_density(model.density, 300, np.random.default_rng(1), model.points)


def _grid(side: int) -> Any:
    import torch
    line = torch.linspace(-SPAN, SPAN, side)
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1).reshape(-1, 2)


def _flat(x: Any) -> list[float]:
    """(N, 2) as x0, y0, x1, y1, ... to three digits, held within what can be seen; whole numbers as they are."""
    return [round(v, 3) for v in x.detach().clamp(-9, 9).flatten().tolist()] if x.is_floating_point() else x.flatten().tolist()
