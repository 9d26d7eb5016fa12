"""Points as tokens: the density is that of the samples, codes are used, the prior knows how often."""
from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from pipelines import registry
from pipelines.dalle.network import DALLE
from pipelines.dalle.toy2d import BINS, SPAN, WIDTH
from pipelines.dalle.toy2d import TOY2D as DALLE_TOY2D
from pipelines.protocol import Preview, run_alone
from pipelines.toy2d.toy2d import CloudNoise, Training, sample_density
from pipelines.vqvae.toy2d import CODES, LENGTH
from pipelines.vqvae.toy2d import TOY2D as VQ_TOY2D
from tests.pipelines.toy2d.clouds import draw, fresh

pytestmark = pytest.mark.slow

DATA = sample_density("moons", 4000, np.random.default_rng(5))


@pytest.fixture(scope="module")
def transformer() -> DALLE:
    net = fresh("dalle")
    for _ in Training(net, replace(DALLE_TOY2D, batch=192), "moons").run(120):
        pass
    assert isinstance(net, DALLE)
    return net


def probabilities(net: DALLE) -> torch.Tensor:
    """Of all bins, (BINS, BINS), by the density in their middles."""
    middle = (torch.arange(BINS) + 0.5) * WIDTH - SPAN
    assert DALLE_TOY2D.log_density is not None
    log_p = run_alone(DALLE_TOY2D.log_density(torch.cartesian_prod(middle, middle), None), DALLE_TOY2D.nets(net)).x
    return (log_p.exp() * WIDTH ** 2).detach().double().reshape(BINS, BINS)


def agreement(net: DALLE, temperature: float) -> float:
    """p-value of the bins of 6,000 samples under the density; bins where fewer than 5 are expected count as one."""
    points, p = draw("dalle", "ancestral", net, 6000, temperature=temperature), probabilities(net)
    x, y = net.codes(points)[:, 0].unbind(1)
    counts = torch.bincount(x * BINS + y, minlength=BINS ** 2)
    expected = len(points) * (p / p.sum()).flatten()
    often = expected >= 5
    found = [*counts[often].tolist(), int(counts[~often].sum())]
    return float(chisquare(found, [*expected[often].tolist(), float(expected[~often].sum())]).pvalue)


def test_the_density_over_the_bins_sums_to_one_and_samples_follow_it(transformer: DALLE) -> None:
    assert probabilities(transformer).sum().item() == pytest.approx(1, abs=1e-4)
    assert agreement(transformer, 1.0) > 1e-3
    assert agreement(transformer, 1.3) < 1e-6                              # bolder samples are not those of the model


def test_what_is_learnt_is_the_density_of_the_data(transformer: DALLE) -> None:
    """Cross-entropy in nats a point, within a quarter of what 4,000 counted points give; a net that knows nothing needs log 48^2."""
    nats = DALLE_TOY2D.figures(transformer, DATA)["bits a token"] * 2 * math.log(2)
    assert DALLE_TOY2D.figures(fresh("dalle"), DATA)["bits a token"] * 2 * math.log(2) > math.log(BINS ** 2)
    z = transformer.codes(DATA)[:, 0]
    p = torch.bincount(z[:, 0] * BINS + z[:, 1]).double() / len(DATA)
    entropy = -(p * p.clamp(min=1e-12).log()).sum().item()
    assert entropy < nats < 1.25 * entropy


def test_first_the_column_then_the_place_in_it(transformer: DALLE) -> None:
    noise, previews = CloudNoise(0, 50), []
    sampler = DALLE_TOY2D.start("ancestral", registry.face("dalle").samplers["ancestral"].options(), noise.normal(), noise)

    with torch.inference_mode():
        final = run_alone(sampler, DALLE_TOY2D.nets(transformer), lambda one: previews.append(one) if isinstance(one, Preview) else None)
    assert [preview.t for preview in previews] == [0, 1] and DALLE_TOY2D.data_at == 2
    assert (previews[0].x_t == -SPAN).all() and (previews[1].x_t[:, 1] == -SPAN).all()
    assert ((previews[1].x_t[:, 0] - final[:, 0]).abs() <= WIDTH / 2 + 1e-6).all()


def test_the_shade_is_the_share_of_the_tokens(transformer: DALLE) -> None:
    """Of a column first, then of a bin."""
    p, middle = probabilities(transformer), (torch.arange(BINS) + 0.5) * WIDTH - SPAN
    grid = torch.cartesian_prod(middle, middle)
    for t, expected in ((1.0, p.sum(1, keepdim=True).expand(-1, BINS)), (2.0, p)):
        shade = DALLE_TOY2D.view(transformer, grid, DATA, t).shade
        assert shade is not None
        assert torch.allclose(shade.double().square(), (expected / expected.max()).flatten(), atol=1e-4)


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_codes_are_used_points_come_back_and_the_prior_knows_how_often(codebook: str) -> None:
    net = fresh("vqvae", codebook=codebook)
    before = VQ_TOY2D.figures(net, DATA)
    for _ in Training(net, VQ_TOY2D, "moons").run(250):
        pass
    after = VQ_TOY2D.figures(net, DATA)
    assert after["codes used"] >= 12 and 6 < after["perplexity"] <= CODES and before["perplexity"] < 3
    assert after["error"] < 0.13 and before["error"] > 3 * after["error"]
    pairs = net.codes(DATA)[:, 0] @ torch.tensor([CODES, 1])
    p = torch.bincount(pairs).double() / len(pairs)
    entropy = -(p * p.clamp(min=1e-12).log2()).sum().item() / LENGTH
    assert entropy - 0.02 < after["bits a code"] < entropy + 0.15 < 4                     # no code is cheaper than its entropy
    every = net.decode(torch.cartesian_prod(torch.arange(CODES), torch.arange(CODES))[:, None]).detach()
    for name in registry.face("vqvae").samplers:
        assert torch.cdist(draw("vqvae", name, net, 200), every).min(1).values.max() < 1e-3


def test_cells_are_those_of_the_codes_and_places_those_of_the_decoder() -> None:
    net = fresh("vqvae")
    Training(net, VQ_TOY2D, "moons").step(["codes"])
    view = VQ_TOY2D.view(net, DATA, DATA, 0.0)
    assert view.cells is not None and view.places is not None
    assert torch.equal(net.decode(view.cells[:, None]), net.decode(net.codes(DATA)))
    assert len(view.places) == len(view.cells.unique(dim=0))
    assert VQ_TOY2D.field is not None
    assert torch.allclose(DATA + VQ_TOY2D.field(net, DATA, 0.0, None), net.decode(net.codes(DATA)), atol=1e-6)
