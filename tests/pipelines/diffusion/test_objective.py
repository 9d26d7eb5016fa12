"""The objective and the network's two parametrisations, checked with networks that know the answer."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.data.batches import Items
from pipelines.diffusion import family, objective
from pipelines.diffusion.network import DiffusionConfig
from pipelines.numerics.paths import per_row
from pipelines.training.loop import TrainOptions, averaged, train
from tests.tiny import SHAPES, tiny, tiny_diffusion

X0 = torch.linspace(-1, 1, 4 * 3 * 32 * 32).view(4, 3, 32, 32)


def knowing(prediction: str, schedule: str):
    """A network that is told x0 and so knows its target."""
    net = tiny_diffusion(prediction, schedule)

    def output(x_t: Tensor, t: Tensor, cond: dict) -> Tensor:
        level = net.config.schedule.at(t)
        signal, noise = per_row(level.alpha, x_t), per_row(level.sigma, x_t)
        eps = (x_t - signal * X0[:len(x_t)]) / noise
        return eps if prediction == "eps" else signal * eps - noise * X0[:len(x_t)]

    net.output = output                                                    # type: ignore[method-assign]
    return net


@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_right_answer_costs_nothing_and_silence_costs_one(prediction: str, schedule: str) -> None:
    rng = torch.Generator().manual_seed(0)
    assert objective.loss(knowing(prediction, schedule), X0, {}, rng).item() < 1e-4
    silent = tiny_diffusion(prediction, schedule)
    silent.output = lambda x_t, t, cond: torch.zeros_like(x_t)              # type: ignore[method-assign]
    if prediction == "eps":
        assert objective.loss(silent, X0, {}, rng).item() == pytest.approx(1, abs=0.05)      # E |eps|^2


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_both_parametrisations_name_the_same_noise(schedule: str) -> None:
    x_t, t, cond = torch.randn(4, 3, 32, 32), torch.tensor([1.0, 100.0, 500.0, 900.0]), {}
    eps, v = (knowing(prediction, schedule).predict(x_t, t, cond) for prediction in ("eps", "v"))
    assert torch.allclose(eps, v, rtol=1e-3, atol=1e-3)


def test_the_configuration_round_trips() -> None:
    config = tiny_diffusion("eps", "linear").config
    assert DiffusionConfig.from_dict(config.to_dict()) == config
    assert family.FAMILY.build(config.to_dict()).config == config


@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimizer"), [("diffusion", "adamw"), ("vqvae", "muon")])
def test_a_resumed_run_is_the_uninterrupted_one(name: str, optimizer: str, tmp_path: Path) -> None:
    def run(folder: Path, *stops: int) -> dict[str, Tensor]:
        for stop in stops:
            options = TrainOptions(steps=stop, batch=4, workers=0, lr_schedule="constant", optimizer=optimizer)
            items = [Items(SHAPES, "train", options.seed, 32, options.pairs)]
            for _ in train(tiny(name), registry.family(name).loss, options, folder, torch.device("cpu"), items):
                pass
        return averaged(folder)[0]

    straight, resumed = run(tmp_path / "a", 4), run(tmp_path / "b", 2, 4)
    assert all(torch.allclose(straight[name], resumed[name], atol=1e-6) for name in straight)


@pytest.mark.long
def test_a_tiny_network_learns(tmp_path: Path) -> None:
    options = TrainOptions(steps=120, batch=16, workers=0, lr=3e-3, warmup=5)
    items = [Items(SHAPES, "train", options.seed, 32, options.pairs)]
    losses = [p.loss for p in train(tiny_diffusion().train(), family.loss, options, tmp_path, torch.device("cpu"), items)]
    assert losses[-1] < 0.9 * losses[0]                                     # running means of fifty steps
