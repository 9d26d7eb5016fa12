"""Reflow: what is drawn is the first model's flow, it can be taken up again, and a straight field fits it best."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.data.batches import Items, feed
from pipelines.engine import precision
from pipelines.flow import objective, reflow
from pipelines.flow.options import FlowOptions, NetworkOptions
from pipelines.flow.paths import PATHS
from pipelines.protocol import run_alone
from pipelines.request import Request
from tests.tiny import LEVEL, SHAPES, nets_of, tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("couples")
    net = tiny("flow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reflow, "CHUNK", 4)
        patch.setattr(precision, "fast_bf16", lambda device: False)          # so that rounding is fp32's on every processor
        items = Items(SHAPES, "train", 3, 32, 0.5)
        found = list(reflow.draw_couples(net, folder, 6, items, CPU, cores=1))
    return net, folder, items, found


@pytest.mark.slow
def test_a_couple_is_what_the_flow_makes_of_its_noise(drawn) -> None:
    net, folder, items, found = drawn
    assert found == [4, 6]
    couples = reflow.Couples(folder, SHAPES, 3, 32, 0.5)
    x1, tokens, label, noise = couples[5]
    item, expected = items.caption(5)
    assert torch.equal(tokens, expected) and int(label) == item.label
    request = Request("flow", "t", "midpoint", FlowOptions(reflow.STEPS), item.caption, guidance_scale=reflow.GUIDANCE,
                      seed=(reflow.FIRST_SEED + 5) % reflow.SEEDS, count=1)
    with torch.inference_mode():
        alone = run_alone(registry.family("flow").start(request, "t", net, CPU), nets_of("flow", net))[0]
    # Kept in bytes, which rounds by half a grey level; and drawn among others.
    assert (alone.clamp(-1, 1) - x1).abs().max() < 0.5 * LEVEL + LEVEL
    again = couples[5 + 6]                                              # over and over
    assert torch.equal(again[0], x1) and torch.equal(again[3], noise)


def test_drawing_goes_on_where_it_stopped(drawn) -> None:
    net, folder, items, _ = drawn
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reflow, "CHUNK", 4)
        assert list(reflow.draw_couples(net, folder, 6, items, CPU, cores=1)) == [4, 6]
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_straight_field_of_the_couples_has_no_loss(drawn) -> None:
    """Trajectories between couples that do not cross: the network that says v = x1 - eps is right everywhere on them."""
    _, folder, _, _ = drawn
    batch = next(feed([reflow.Couples(folder, SHAPES, 3, 32, 0.5)], 2))
    assert batch.noise is not None
    x1, eps = batch.x0, batch.noise

    class Straight:
        def predict(self, z: Tensor, phi: Tensor, cond) -> Tensor:
            return phi.cos()[:, None, None, None] * eps - phi.sin()[:, None, None, None] * x1      # v of the couple

    rng = torch.Generator().manual_seed(0)
    assert objective.loss(Straight(), PATHS["ot"], x1, {}, rng, "reflow", noise=eps) < 1e-6
    assert objective.loss(Straight(), PATHS["ot"], x1, {}, rng) > 0.01                             # other noises


def test_rectified_models_have_settings_of_their_own() -> None:
    defaults = registry.face("flow").defaults
    assert registry.family("flow").own_data(NetworkOptions(coupling="reflow")) is not None
    assert registry.family("flow").own_data(NetworkOptions()) is None
    assert defaults({"training": {"coupling": "reflow"}})["guidance_scale"] == 1.0 and defaults({"training": {}}) == {}
