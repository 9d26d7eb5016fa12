"""A picture of the user's own under a model: how likely it is, the noise that it comes from, the way back."""
from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.picture_files import prepare
from app.drawing.png import data_url
from app.errors import UserError
from app.inspect.probe import ModelProbe
from app.inspect.views import Examined
from app.uncertain import mean_and_error, with_error

if TYPE_CHECKING:
    from app.drawing.picture_files import Picture

TOLERANCE, STEPS = 1e-5, 300
DRAWS, LIKELIHOOD_TOLERANCE = 4, 1e-4        # of a picture's likelihood; what the tolerance leaves is far less than the draws' error


def examine(probe: ModelProbe, picture: Picture | None) -> Examined:
    """Likelihood, noise and the picture that comes back from it."""
    from pipelines.data.batches import to_pixels, to_tensor
    from pipelines.numerics.ode_inversion import generate, invert
    begin, pixels = time.monotonic(), prepare(picture, probe.loaded.side(probe.request))
    x0, control = to_tensor(pixels)[None].to(probe.device), tolerances()
    sha = probe.loaded.sha256
    (likely,) = likelihoods(probe, x0)
    noise = probe.result_of(invert(probe.ode_inversion, probe.request, sha, x0, control))
    returned = probe.result_of(generate(probe.ode_inversion, probe.request, sha, noise.x, control))
    back = to_pixels(returned.x)[0]
    difference = int(np.abs(back.astype(int) - pixels.astype(int)).max())
    shown = to_pixels(noise.x / 3)[0]                                      # three standard deviations fill the range
    said = {"likelihood": f"{likely.text} bits/dim, dequantised", "log p": f"{with_error(likely.log_p, likely.log_p_se)} nats",
            "±": f"standard error of {DRAWS} draws of the grey levels' noise and of the divergence"}
    return Examined(likely.bits, likely.bits_se, likely.log_p, likely.log_p_se, DRAWS, likely.calls, noise.nfe[0], time.monotonic() - begin,
                    data_url(pixels), data_url(shown), data_url(back), float(noise.x.std()), difference,
                    likely.note or noise.notes[0] or returned.notes[0], said)


@dataclass(frozen=True)
class Likelihood:
    """A picture's bits per dimension and log p in nats, means over DRAWS with their standard errors; network calls of all of them."""
    bits: float
    bits_se: float
    log_p: float
    log_p_se: float
    calls: int
    note: str | None

    @property
    def text(self) -> str:
        """"1.64 ± 0.02"."""
        return with_error(self.bits, self.bits_se)


def likelihoods(probe: ModelProbe, x0: Any) -> list[Likelihood]:
    """Of pictures (B, C, H, W) in [-1, 1] under the probe's caption; picture k has the draws with the seeds DRAWS k and on."""
    from pipelines.numerics.likelihood import bits_per_dim
    from pipelines.numerics.ode import Control
    from pipelines.numerics.ode_inversion import likelihood
    rows = x0.repeat_interleave(DRAWS, 0)
    request = replace(probe.request, seed=0, count=len(rows))
    control = Control(LIKELIHOOD_TOLERANCE, LIKELIHOOD_TOLERANCE, STEPS)
    found = probe.result_of(likelihood(probe.ode_inversion, request, probe.loaded.sha256, rows, 1, control))
    bits = bits_per_dim(found.x[:, 0], x0[0].numel()).tolist()
    log_p = found.x[:, 0].tolist()
    return [Likelihood(*_known(bits[k:k + DRAWS]), *_known(log_p[k:k + DRAWS]), sum(found.nfe[k:k + DRAWS]),
                       next(filter(None, found.notes[k:k + DRAWS]), None)) for k in range(0, len(rows), DRAWS)]


def _known(values: list[float]) -> tuple[float, float]:
    mean, error = mean_and_error(values)
    assert error is not None                                               # there are several
    return mean, error


def interpolation(probe: ModelProbe, first: Picture | None, second: Picture | None, count: int = 9) -> tuple[str, ...]:
    """The latent interpolation from one picture to another through their noises, as data URLs; the ends are drawn from their noises too.

    Raises UserError if an ODE was stopped before it was exact enough.
    """
    import torch

    from pipelines.data.batches import to_pixels, to_tensor
    from pipelines.numerics.ode_inversion import between, generate, invert
    x0 = torch.stack([to_tensor(prepare(picture, probe.loaded.side(probe.request))) for picture in (first, second)]).to(probe.device)
    two, row = replace(probe.request, count=2), replace(probe.request, count=count)
    noise = probe.result_of(invert(probe.ode_inversion, two, probe.loaded.sha256, x0, tolerances()))
    between_them = between(noise.x[0], noise.x[1], torch.linspace(0, 1, count))
    pictures = probe.result_of(generate(probe.ode_inversion, row, probe.loaded.sha256, between_them, tolerances()))
    note = next((n for n in (*noise.notes, *pictures.notes) if n), None)
    if note:
        raise UserError(note)
    return tuple(data_url(p) for p in to_pixels(pictures.x))


def tolerances() -> Any:
    from pipelines.numerics.ode import Control
    return Control(TOLERANCE, TOLERANCE, STEPS)
