"""Noise schedules of discrete-time diffusion: how much of the picture is left after t of T steps."""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from pipelines.late import Tensor, np, torch
from pipelines.numerics.paths import Level

SCHEDULES = ("linear", "cosine")
SIGMA_MAX = 160.0                  # noise over signal; the linear schedule ends at 157


@dataclass(frozen=True)
class NoiseSchedule:
    """q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I) for t = 0 .. T-1 (the paper's t = 1 .. T).

    kind: "linear": beta from 1e-4 to 0.02 (Ho et al. 2020, section 4), rescaled for T != 1000;
          "cosine": abar = cos^2 (Nichol & Dhariwal 2021, eq. 17), beta at most 0.999.
    """
    kind: str = "linear"
    T: int = 1000

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ValueError(f"The noise schedule must be one of {', '.join(SCHEDULES)}; got {self.kind!r}.")
        if self.T < 2:
            raise ValueError(f"A noise schedule needs at least 2 steps; got {self.T}.")

    @cached_property
    def betas(self) -> Tensor:
        """(T,) float64: the variance added by each step."""
        if self.kind == "linear":
            scale = 1000 / self.T
            return torch.linspace(scale * 1e-4, min(scale * 0.02, 0.999), self.T, dtype=torch.float64)
        u = torch.arange(self.T + 1, dtype=torch.float64) / self.T
        f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1 - f[1:] / f[:-1]).clamp(max=0.999)

    @cached_property
    def alpha_bar(self) -> Tensor:
        """(T,) float64: the share of the signal's variance left after each step."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def _log_variance(self) -> Tensor:
        """2 log sigma, sigma^2 = (1 - abar) / abar; (T + 1,), the last twice, so that every step has one after it. Finite also
        where nothing is left of the picture."""
        abar = self.alpha_bar.clamp(min=1e-12)
        log_variance = ((1 - abar) / abar).log().float()
        return torch.cat([log_variance, log_variance[-1:]])

    @cached_property
    def _log_variances(self) -> list[float]:
        return self._log_variance.tolist()

    def visited(self, steps: int) -> int:
        """How many of the times a sampler of so many steps chooses from: those with sigma up to SIGMA_MAX.

        The last times of the cosine schedule reach sigma = 20,000. There is nothing left of the picture from 160 on,
        and solvers that work in sigma would lose their accuracy in the first step.
        """
        sigma = ((1 - self.alpha_bar) / self.alpha_bar).sqrt()
        return max(int((sigma <= SIGMA_MAX).sum()), steps)

    def at(self, t: Tensor) -> Level:
        """alpha = sqrt(abar_t) and sigma = sqrt(1 - abar_t) at times t (B,) in [0, T-1], float32, on t's device.

        Between the steps log sigma = log sqrt((1 - abar) / abar) is interpolated linearly, as the solvers that ask
        for times between the steps do.
        """
        t, table = t.clamp(0, self.T - 1), self._log_variance.to(t.device)
        low = t.long()
        s = torch.lerp(table[low], table[low + 1], (t - low).to(torch.float32))
        return Level(torch.sigmoid(-s).sqrt(), torch.sigmoid(s).sqrt())

    def levels(self, t: float) -> tuple[float, float]:
        """The same for one time: numbers to be shown, at no cost to a device."""
        low = int(t)
        s = self._log_variances[low] + (t - low) * (self._log_variances[low + 1] - self._log_variances[low])
        return (1 + math.exp(s)) ** -0.5, (1 + math.exp(-s)) ** -0.5

    def sigma(self, t: float) -> float:
        """Noise over signal at one time."""
        signal, noise = self.levels(t)
        return noise / signal

    def time_of(self, sigma: np.ndarray) -> np.ndarray:
        """The inverse of `sigma`, in [0, T-1]; may lie between the steps."""
        return np.interp(2 * np.log(sigma), self._log_variances[:-1], np.arange(self.T))

    def angle(self, t: Tensor) -> Tensor:
        """atan(sqrt(1 - abar_t) / sqrt(abar_t)) in [0, pi/2]: the noise level as networks are told it, (B,)."""
        return self.at(t).angle


def timesteps(steps: int, T: int, spacing: str) -> list[int]:
    """`steps` of the times 0 .. T-1, falling, by one of the conventions of Lin et al. 2024, table 2.

    "trailing" ends its stride on T-1, "leading" starts it on 0, "linspace" has both ends.
    """
    if not 1 <= steps <= T:
        raise ValueError(f"Steps must be between 1 and {T}; you asked for {steps}.")
    if spacing == "leading":
        return [i * (T // steps) for i in reversed(range(steps))]
    if spacing == "trailing":
        return [round(T - i * T / steps) - 1 for i in range(steps)]
    return [round(float(t)) for t in torch.linspace(T - 1, 0, steps, dtype=torch.float64)] if steps > 1 else [T - 1]


def karras_times(steps: int, schedule: NoiseSchedule, rho: float = 7.0) -> list[float]:
    """Times of `steps` noise levels, falling, equally far apart in sigma^(1 / rho) from the highest that is visited to the lowest
    (Karras et al. 2022, eq. 5)."""
    first = schedule.visited(steps) - 1.0
    high, low = (schedule.sigma(t) ** (1 / rho) for t in (first, 0))
    between = schedule.time_of(np.linspace(high, low, steps)[1:-1] ** rho)
    return [first, *between.tolist(), 0.0][:steps]
