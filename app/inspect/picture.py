"""A picture of the user's own under a model: how likely it is, the noise that it comes from, the way back."""
from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.ask import Ask, face_of, make_request
from app.drawing.picture_files import prepare
from app.drawing.png import data_url, encode_png
from app.drawing.runner import finished
from app.errors import BadInput, UserError
from app.inspect.views import Examined
from app.uncertain import mean_and_error, with_error
from storage import Shelf, StorageError

if TYPE_CHECKING:
    from app.device.model_cache import Loaded
    from app.drawing.picture_files import Picture
    from pipelines.numerics.transport import Transport
    from pipelines.request import Request

TOLERANCE, STEPS = 1e-5, 300
DRAWS, LIKELIHOOD_TOLERANCE = 4, 1e-4        # of a picture's likelihood; what the tolerance leaves is far less than the draws' error


@dataclass(frozen=True)
class Bench:
    """What examining needs: the request that stands for the picture, the weights, the engine's door."""
    request: Request
    loaded: Loaded
    device: Any
    submit: Callable[[Any], Any]   # a sampler -> the engine's job

    @property
    def transport(self) -> Transport:
        """The ODE of the request's family. Raises UserError if it has none."""
        made = self.loaded.drawing.transport
        if made is None:
            raise UserError(f"{self.loaded.entry.metadata['title']} has no ODE that leads from pictures to noise; use a model of the "
                            "SDE or the flow tab that this project trained.")
        return made(self.request.options)


def request(ask: Ask) -> Request:
    """The checked request that stands for a picture; unlike for drawing, its prompt may be empty."""
    if ask.prompt.strip():
        return make_request(replace(ask, count=1))
    return replace(make_request(replace(ask, prompt="-", count=1)), prompt="")


def examine(bench: Bench, picture: Picture | None) -> Examined:
    """Likelihood, noise and the picture that comes back from it."""
    from pipelines.data.dataset import to_pixels, to_tensor
    from pipelines.numerics.transport import decode, encode
    begin, pixels = time.monotonic(), prepare(picture, bench.loaded.size)
    x0, control = to_tensor(pixels)[None].to(bench.device), tolerances()
    sha = bench.loaded.sha256
    (likely,) = likelihoods(bench, x0)
    noise = result_of(bench, encode(bench.transport, bench.request, sha, x0, control))
    returned = result_of(bench, decode(bench.transport, bench.request, sha, noise.x, control))
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


def likelihoods(bench: Bench, x0: Any) -> list[Likelihood]:
    """Of pictures (B, C, H, W) in [-1, 1] under the bench's caption; picture k has the draws with the seeds DRAWS k and on."""
    from pipelines.numerics.likelihood import bits_per_dim
    from pipelines.numerics.ode import Control
    from pipelines.numerics.transport import likelihood
    rows = x0.repeat_interleave(DRAWS, 0)
    request = replace(bench.request, seed=0, count=len(rows))
    control = Control(LIKELIHOOD_TOLERANCE, LIKELIHOOD_TOLERANCE, STEPS)
    found = result_of(bench, likelihood(bench.transport, request, bench.loaded.sha256, rows, 1, control))
    bits = bits_per_dim(found.x[:, 0], x0[0].numel()).tolist()
    log_p = found.x[:, 0].tolist()
    return [Likelihood(*_known(bits[k:k + DRAWS]), *_known(log_p[k:k + DRAWS]), sum(found.nfe[k:k + DRAWS]),
                       next(filter(None, found.notes[k:k + DRAWS]), None)) for k in range(0, len(rows), DRAWS)]


def _known(values: list[float]) -> tuple[float, float]:
    mean, error = mean_and_error(values)
    assert error is not None                                               # there are several
    return mean, error


def keep(bench: Bench, picture: Picture | None, sources: Shelf) -> str:
    """Store a picture as the model sees it, to start from; returns the checksum that the option `source` names."""
    if not hasattr(bench.request.options, "source"):
        raise UserError(f"{face_of(bench.request.family).title} cannot start from a picture; use the diffusion, the SDE or the flow tab.")
    pixels = prepare(picture, bench.loaded.size)
    name = hashlib.sha256(pixels.tobytes()).hexdigest()
    sources.put(name, encode_png(pixels))
    return name


def source_of(request: Request, sources: Shelf, size: tuple[int, int], device: Any) -> dict[str, Any]:
    """What `GenerativeModel.start` takes besides the rest: the picture (3, H, W) that a request starts from, if any; size: W, H."""
    from pipelines.data.dataset import to_tensor
    name = getattr(request.options, "source", "")
    if not name:
        return {}
    try:
        return {"source": to_tensor(prepare(io.BytesIO(sources.get(name)), *size)).to(device)}
    except (StorageError, BadInput) as error:
        raise UserError(f"The picture that this request starts from is not here ({name[:12]}…); choose it anew in the Picture "
                        "panel.") from error


def morph(bench: Bench, first: Picture | None, second: Picture | None, count: int = 9) -> tuple[str, ...]:
    """Pictures on the way from one to another through their noises, as data URLs; the ends are drawn from their noises too.

    Raises UserError if an ODE was stopped before it was exact enough.
    """
    import torch

    from pipelines.data.dataset import to_pixels, to_tensor
    from pipelines.numerics.transport import between, decode, encode
    x0 = torch.stack([to_tensor(prepare(picture, bench.loaded.size)) for picture in (first, second)]).to(bench.device)
    two, row = replace(bench.request, count=2), replace(bench.request, count=count)
    noise = result_of(bench, encode(bench.transport, two, bench.loaded.sha256, x0, tolerances()))
    way = between(noise.x[0], noise.x[1], torch.linspace(0, 1, count))
    pictures = result_of(bench, decode(bench.transport, row, bench.loaded.sha256, way, tolerances()))
    note = next((n for n in (*noise.notes, *pictures.notes) if n), None)
    if note:
        raise UserError(note)
    return tuple(data_url(p) for p in to_pixels(pictures.x))


def tolerances() -> Any:
    from pipelines.numerics.ode import Control
    return Control(TOLERANCE, TOLERANCE, STEPS)


def result_of(bench: Bench, sampler: Any) -> Any:
    return finished(bench.submit(sampler))
