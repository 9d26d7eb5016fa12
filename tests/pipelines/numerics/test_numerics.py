"""Schedules, random streams and guidance, each against its definition."""
from __future__ import annotations

import pytest
import torch

from pipelines.numerics.guidance import clipped, guided
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule, timesteps
from pipelines.protocol import Call, NetKey, run_alone

KEY = NetKey("w", "predict")


def test_linear_and_cosine_schedules() -> None:
    linear, cosine = NoiseSchedule("linear"), NoiseSchedule("cosine")
    assert linear.betas[0] == pytest.approx(1e-4) and linear.betas[-1] == pytest.approx(0.02)
    assert float(linear.alpha_bar[-1]) == pytest.approx(4.0e-5, rel=0.02)               # Ho et al. 2020: L_T is near zero
    assert float(cosine.alpha_bar[499]) == pytest.approx(0.4939, abs=1e-3) and float(cosine.betas.max()) <= 0.999
    for schedule in (linear, cosine):
        assert (schedule.alpha_bar.diff() < 0).all()
        level = schedule.at(torch.tensor([0.0, 10.0, 500.5, 999.0]))
        signal, noise = level.alpha, level.sigma
        assert torch.allclose(signal**2 + noise**2, torch.ones(4), atol=1e-6)
        assert signal[1].item() ** 2 == pytest.approx(float(schedule.alpha_bar[10]), rel=1e-4)
        for k, t in enumerate((0.0, 10.0, 500.5, 999.0)):
            assert schedule.levels(t) == pytest.approx((signal[k].item(), noise[k].item()), rel=1e-5)
    assert linear.visited(50) == 1000 and 980 < cosine.visited(50) < 1000 and cosine.visited(1000) == 1000
    with pytest.raises(ValueError, match="one of linear, cosine"):
        NoiseSchedule("magic")


def test_spacings_of_lin_et_al_table_2() -> None:
    assert timesteps(5, 1000, "trailing") == [999, 799, 599, 399, 199]
    assert timesteps(5, 1000, "leading") == [800, 600, 400, 200, 0]
    assert timesteps(5, 1000, "linspace") == [999, 749, 500, 250, 0]
    assert timesteps(1, 1000, "linspace") == [999] and len(set(timesteps(1000, 1000, "trailing"))) == 1000
    with pytest.raises(ValueError, match="between 1 and 1000"):
        timesteps(1001, 1000, "trailing")


def test_each_row_has_its_own_stream() -> None:
    three, alone = RowNoise((4, 5, 6), (2, 3)), RowNoise((6,), (2, 3))
    for _ in range(3):
        assert torch.equal(three.normal()[2:], alone.normal())


@pytest.mark.slow
def test_brownian_paths_do_not_depend_on_the_questions() -> None:
    one, two = (RowNoise((1, 2), (4,)).brownian(-7.0, 12.0) for _ in range(2))
    whole = one.increment(5.0, -3.0) * 8**0.5
    parts = [two.increment(a, b) * (a - b) ** 0.5 for a, b in ((5.0, 2.0), (2.0, 1.0), (1.0, -3.0))]
    assert torch.allclose(whole, sum(parts), atol=0.02)                                 # times are snapped to a grid
    many = RowNoise(tuple(range(400)), (4,)).brownian(-7.0, 12.0).increment(1.0, 0.5)
    assert abs(many.mean().item()) < 0.1 and many.std().item() == pytest.approx(1, abs=0.08)


def test_guidance_leans_towards_the_caption() -> None:
    def net(x: torch.Tensor, t: torch.Tensor, cond: dict) -> torch.Tensor:
        return cond["c"].expand_as(x)

    cond, null, x = {"c": torch.full((2, 1), 3.0)}, {"c": torch.ones(2, 1)}, torch.zeros(2, 5)
    for scale, expected, calls in ((0.0, 1.0, 1), (1.0, 3.0, 1), (2.0, 5.0, 2)):
        assert len(next(guided(KEY, cond, null, scale)(x, torch.zeros(2)))) == calls
        answer = run_alone(guided(KEY, cond, null, scale)(x, torch.zeros(2)), {KEY: net})
        assert torch.equal(answer, torch.full((2, 5), expected))


def test_clipping_holds_the_estimate_inside_the_range() -> None:
    schedule = NoiseSchedule("linear")

    def far(x: torch.Tensor, t: torch.Tensor, rows: torch.Tensor | None = None):
        (answer,) = yield (Call(KEY, x, t, {}),)
        return answer

    x, t = 3 * torch.randn(4, 3, 8, 8), torch.full((4,), 300.0)
    eps = run_alone(clipped(far, schedule)(x, t), {KEY: lambda x, t, cond: -x})
    signal, noise = float(schedule.at(t).alpha[0]), float(schedule.at(t).sigma[0])
    assert ((x - noise * eps) / signal).abs().max() <= 1 + 1e-4
