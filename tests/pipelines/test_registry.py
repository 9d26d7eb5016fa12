"""Every family and sampler of the registry, end to end on a tiny network."""
from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.data.batches import Batch, to_pixels, to_tensor
from pipelines.data.shapes.captions import parse
from pipelines.data.shapes.judge import read
from pipelines.data.shapes.scenes import Scene, Thing, render
from pipelines.data.shapes.tokenizer import tokenizer
from pipelines.engine import Engine
from pipelines.nets.unet import UNetConfig
from pipelines.options import build, options_of
from pipelines.protocol import Outcome, run_alone
from pipelines.request import Request
from tests.tiny import LEVEL, SHAPES, nets_of, tiny, untrained

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SAMPLERS = [(family, name) for family in registry.NAMES for name in registry.face(family).samplers]
NETS = {family: tiny(family) for family in registry.NAMES}


def draw(request: Request, net: torch.nn.Module | None = None) -> Tensor:
    net = net or NETS[request.family]
    with torch.inference_mode():
        result = run_alone(registry.family(request.family).start(request, "t", net, CPU), nets_of(request.family, net))
    return result.x if isinstance(result, Outcome) else result


def request(family: str, name: str, count: int = 1, seed: int = 3, **options: object) -> Request:
    spec = registry.face(family).samplers[name]
    few = {"steps": 3} if registry.face(family).axis == "steps" and "steps" not in options else {}
    return Request(family, "tiny", name, spec.options(**few, **options), "a red star above a blue ring", seed=seed, count=count)


@pytest.mark.parametrize("family", registry.NAMES)
def test_a_face_says_everything(family: str) -> None:
    face = registry.face(family)
    assert face.name == family and face.samplers and face.accent.startswith("#")
    root = Path(__file__).parents[2]
    for text in (face.about.network, face.about.objective, face.about.sampling, *face.about.more, *face.samplers.values()):
        assert (root / text.file).is_file(), text.file
        assert text.formula
    for spec in face.samplers.values():
        assert spec.summary and spec.source and all(o.help and o.label for o in options_of(spec.options))


@pytest.mark.parametrize(("family", "name"), SAMPLERS)
def test_every_option_at_its_bounds(family: str, name: str) -> None:
    for o in options_of(registry.face(family).samplers[name].options):
        values = [bound for bound in (o.low, o.high) if bound is not None] if not o.choices else list(o.choices)
        values = [True, False] if o.type is bool else values
        for value in values:
            if o.name == "steps" and value > 10:
                continue                                     # the upper bound is tested by what it costs, in test_samplers
            if (o.name, value) == ("keep_rows", 0):
                continue                                     # which is the default, and with a picture refused
            more = {"source": "ab"} if o.name in ("t_start", "strength", "keep_rows") else {}      # which then must be there
            # Guided, it would be the same sampler with twice the calls.
            result = draw(dataclasses.replace(request(family, name, **{o.name: o.type(value)}, **more), guidance_scale=1.0))
            assert result.shape == (1, 3, 32, 32) and torch.isfinite(result).all(), (o.name, value)


@pytest.mark.parametrize(("family", "name"), SAMPLERS)
def test_deterministic_and_alone_as_among_others(family: str, name: str) -> None:
    three = draw(request(family, name, count=3))
    assert torch.equal(three, draw(request(family, name, count=3)))
    alone = draw(request(family, name, seed=4))
    assert (three[1:2] - alone).abs().max() < LEVEL
    assert name == "greedy" or (three[:1] - three[1:2]).abs().max() > LEVEL


def test_all_samplers_of_all_families_share_the_engine() -> None:
    engine = Engine({})
    for family, net in NETS.items():
        engine.nets.update(nets_of(family, net, family))
    requests = [request(family, name, count=2) for family, name in SAMPLERS]
    jobs = [engine.submit(registry.family(r.family).start(r, r.family, NETS[r.family], CPU)) for r in requests]
    for r, job in zip(requests, jobs, strict=True):
        result = job.result()
        assert ((result.x if isinstance(result, Outcome) else result) - draw(r)).abs().max() < LEVEL
    engine.close()


@pytest.mark.parametrize(("family", "choice"), [
    (family, (o.name, value)) for family in registry.NAMES for o in options_of(registry.face(family).network) for value in o.choices])
def test_every_choice_of_training_has_a_loss_and_gradients(family: str, choice: tuple[str, str]) -> None:
    torch.manual_seed(0)
    options = build(registry.face(family).network, dict([choice]))
    net = registry.family(family).fresh(options, SHAPES).train()
    size = net.config.size
    tokens = tokenizer().batch(["a red star", "a blue ring above a green cross"])
    noise = torch.randn(2, 3, size, size) if choice == ("coupling", "reflow") else None
    batch = Batch(SHAPES, torch.rand(2, 3, size, size) * 2 - 1, tokens, torch.zeros(2, dtype=torch.long), noise)
    for loss in [registry.family(family).loss, *(stage.loss for stage in registry.family(family).stages.values()
                                                 if getattr(net, "autoencoder", None) is not None)]:
        value = loss(net, batch, torch.Generator().manual_seed(0))
        value.backward()
        assert torch.isfinite(value) and all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def learn(net: torch.nn.Module, loss: object, batch: Batch, steps: int = 200) -> list[float]:
    """Some steps on one batch; the losses."""
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=5e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for step in range(steps):
        value = loss(net, batch, torch.Generator().manual_seed(step))            # type: ignore[operator]
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        decay.step()
        losses.append(value.item())
    return losses


# Without the GAN: a game has no objective that falls; tests/pipelines/gan measures how near its pictures come to the data. In the plane
# (test_plane) all six are trained in the suite, and each of their samplers finds the data.
@pytest.mark.long
@pytest.mark.parametrize("family", [name for name in registry.NAMES if name != "gan"])
def test_training_lowers_the_objective_and_the_judge_sees_it(family: str) -> None:
    """200 steps on a single scene; afterwards the network draws it, before it cannot."""
    caption = "a large red circle on white"
    scene = Scene((Thing("circle", "red", "large", 128, 128),), "white")
    claim = parse(caption)
    assert claim is not None
    wide = UNetConfig(widths=(32, 32), heads=2, context=16, emb=16)      # 2x2 pixels hold 12 numbers, which must pass
    net = untrained(family, wide).train()
    label = torch.full((16,), scene.label)
    batch = Batch(SHAPES, to_tensor(render(scene)).expand(16, -1, -1, -1), tokenizer().batch([caption] * 16), label)
    stages = registry.family(family).stages
    if family in ("vqvae", "dalle"):
        few = dataclasses.replace(batch, x0=batch.x0[:4])
        losses = learn(net, stages["autoencoder"].loss, few)
        assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:5])
        net.eval()
    losses = learn(net, registry.family(family).loss, batch)
    assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:5])
    name = next(iter(registry.face(family).samplers))
    steps = {"steps": 40} if registry.face(family).axis == "steps" else {}
    asked = dataclasses.replace(request(family, name, count=8, **steps), prompt=caption, guidance_scale=1.0)

    def right(network: torch.nn.Module) -> int:
        scenes = [read(picture) for picture in to_pixels(draw(asked, network.eval()))]
        return sum(s is not None and claim.holds_for(s) for s in scenes)

    assert right(net) >= 2 > right(untrained(family, wide)) == 0
