"""One network of each family for two data sets, whose pictures have different sizes."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines import registry
from pipelines.data import dataset
from pipelines.data.batches import Batch
from pipelines.options import build
from pipelines.protocol import Outcome, run_alone
from pipelines.request import Request
from tests.tiny import nets_of, untrained

FACES, FASHION = dataset("faces"), dataset("fashion")
BOTH = replace(FACES, together=(FACES, FASHION))
PROMPTS = {"faces": "a face with red hair", "fashion": "a sneaker"}
CPU = torch.device("cpu")


def drawn(family: str, net: Any, data_set: str) -> torch.Tensor:
    spec = registry.face(family)
    sampler = next(iter(spec.samplers))
    known = {f for f in vars(spec.samplers[sampler].options())}
    options = build(spec.samplers[sampler].options, {"steps": 2} if "steps" in known else {})
    request = Request(family, "m", sampler, options, PROMPTS[data_set], data_set=data_set, count=2, guidance_scale=1.0)
    with torch.inference_mode():
        found = run_alone(registry.family(family).start(request, "t", net, CPU), nets_of(family, net))
    return found.x if isinstance(found, Outcome) else found


@pytest.mark.parametrize("family", registry.NAMES)
def test_each_set_is_drawn_in_its_size_and_learnt_from(family: str) -> None:
    net: Any = untrained(family, data=BOTH)
    assert net.config.sizes == {"fashion": 28} and net.config.at(FACES) == net.config
    for data in (FACES, FASHION):
        assert drawn(family, net.eval(), data.name).shape == (2, 3, data.size, data.size)
    tokens, rng = FASHION.tokenizer().batch(["a sneaker", "a dress"]), torch.Generator().manual_seed(0)
    batch = Batch(FASHION, 2 * torch.rand(2, 3, 28, 28, generator=rng) - 1, tokens, torch.tensor([7, 3]))
    for loss in (registry.family(family).loss, *(stage.loss for stage in registry.family(family).stages.values())):
        if loss.__module__.startswith("pipelines.diffusion") and net.autoencoder is None and loss is not registry.family(family).loss:
            continue                                               # the stage of latents
        net.zero_grad()
        value = loss(net.train(), batch, rng)
        value.backward()
        assert value.isfinite() and any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("family", registry.NAMES)
def test_what_is_stored_knows_both_sizes(family: str) -> None:
    net: Any = untrained(family, data=BOTH)
    again: Any = registry.family(family).build(net.config.to_dict())
    assert again.config.at(FASHION).size == 28 and again.config.at(FACES).size == 32
    older = {name: value for name, value in net.config.to_dict().items() if name != "sizes"}
    assert registry.family(family).build(older).config.sizes == {}
