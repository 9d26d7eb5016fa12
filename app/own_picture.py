"""A picture of the user's own under a model: how likely it is, the noise that it comes from, the way back."""
from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.picture_files import prepare
from app.pictures import data_url, encode_png
from app.requests import face_of, make_request
from app.runners import finished
from app.views import Ask, BadInput, Examined, UserError
from storage import Shelf, StorageError

if TYPE_CHECKING:
    from app.picture_files import Picture
    from app.residents import Loaded
    from pipelines.request import Request
    from pipelines.transport import Transport

TOLERANCE, STEPS, PROBES = 1e-5, 300, 1


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
    from pipelines.numerics.likelihood import bits_per_dim, dequantised
    from pipelines.transport import decode, encode, likelihood
    begin, pixels = time.monotonic(), prepare(picture, bench.loaded.size)
    x0, control = to_tensor(pixels)[None].to(bench.device), tolerances()
    sha = bench.loaded.sha256
    log_p = result_of(bench, likelihood(bench.transport, bench.request, sha, dequantised(x0, 0), PROBES, control))
    noise = result_of(bench, encode(bench.transport, bench.request, sha, x0, control))
    returned = result_of(bench, decode(bench.transport, bench.request, sha, noise.x, control))
    back = to_pixels(returned.x)[0]
    difference = int(np.abs(back.astype(int) - pixels.astype(int)).max())
    bits = float(bits_per_dim(log_p.x[:, 0], x0[0].numel()))
    shown = to_pixels(noise.x / 3)[0]                                      # three standard deviations fill the range
    return Examined(bits, float(log_p.x), log_p.nfe[0], noise.nfe[0], time.monotonic() - begin, data_url(pixels), data_url(shown),
                    data_url(back), float(noise.x.std()), difference, log_p.notes[0] or noise.notes[0] or returned.notes[0])


def keep(bench: Bench, picture: Picture | None, sources: Shelf) -> str:
    """Store a picture as the model sees it, to start from; returns the checksum that the option `source` names."""
    if not hasattr(bench.request.options, "source"):
        raise UserError(f"{face_of(bench.request.family).title} cannot start from a picture; use the diffusion, the SDE or the flow tab.")
    pixels = prepare(picture, bench.loaded.size)
    name = hashlib.sha256(pixels.tobytes()).hexdigest()
    sources.put(name, encode_png(pixels))
    return name


def source_of(request: Request, sources: Shelf, size: tuple[int, int], device: Any) -> dict[str, Any]:
    """What `Drawing.start` takes besides the rest: the picture (3, H, W) that a request starts from, if there is one; size: W, H."""
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
    from pipelines.transport import between, decode, encode
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
