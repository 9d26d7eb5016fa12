"""Pictures as codes: reconstruct one of the user's own, change a code, see the codebook, and what the model thought of each code."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.drawing.picture_files import prepare
from app.drawing.png import data_url
from app.errors import BadInput, UserError
from app.inspect.probe import ModelProbe, probe
from app.inspect.views import Codebook, CodeView, TokenTrace
from pipelines import registry
from pipelines.request import face_of

if TYPE_CHECKING:
    from app.drawing.picture_files import Picture

COUNTED = 256                      # test pictures whose codes say how often each is used
TILE = 8                           # pixels of a code's picture that are shown


class Codes:
    """What the page's code panels ask. Raises `app.errors.sentences`."""

    def __init__(self, artist: Artist) -> None:
        self._artist = artist
        self._codebooks: dict[str, Codebook] = {}

    def _probe(self, ask: Ask) -> ModelProbe:
        if registry.family(face_of(ask.family).name).prompt is None:
            raise BadInput(f"{face_of(ask.family).title} has no codes; use the VQ-VAE or the DALL-E tab.")
        return probe(self._artist, replace(ask, prompt=ask.prompt or self._artist.weights.data(ask).prompt))

    def reconstruct(self, ask: Ask, picture: Picture | None) -> CodeView:
        """A picture of the user's own, its codes, and what the decoder makes of them."""
        from pipelines.data.batches import to_tensor
        own = self._probe(ask)
        pixels = prepare(picture, own.loaded.side(own.request))
        codes = _once(own, "codes", to_tensor(pixels)[None].to(own.device), precise=True)[0]
        return self._view(own, codes.tolist(), pixels)

    def decode(self, ask: Ask, codes: list[list[int]]) -> str:
        """The picture of a map of codes, as a data URL."""
        own = self._probe(ask)
        return data_url(_decoded(own, _checked(own, codes)))

    def of_job(self, job_id: str, k: int) -> CodeView:
        """The codes of a finished run's picture, and what the model thought of each when it drew it."""
        job = self._artist.jobs.get(job_id)
        if job is None or job.tokens is None or not 0 <= k < len(job.tokens):
            raise UserError("That run's codes are no longer kept; generate again to look at them.")
        own = self._probe(Ask(job.family, job.settings["prompt"], model=job.settings["model"], data_set=job.settings.get("data_set", "")))
        side = math.isqrt(len(job.tokens[k]))
        return self._view(own, job.tokens[k].reshape(side, side).tolist(), None, self._thought(own, job.tokens[k]))

    def codebook(self, ask: Ask) -> Codebook:
        """Each code decoded, and the share of test pictures' places that have it."""
        own = self._probe(ask)
        found = self._codebooks.get(own.loaded.sha256)
        if found is None:
            found = self._codebooks[own.loaded.sha256] = _codebook(own)
        return found

    def _view(self, own: ModelProbe, codes: list[list[int]], pixels: np.ndarray | None, thought: TokenTrace | None = None) -> CodeView:
        from pipelines.data.batches import to_tensor
        from pipelines.metrics.distance import psnr
        back = _decoded(own, _checked(own, codes))
        apart = None if pixels is None else float(psnr(to_tensor(back)[None], to_tensor(pixels)[None]))
        return CodeView(codes, data_url(back), data_url(pixels) if pixels is not None else None, apart, thought,
                        own.request.model)

    def _thought(self, own: ModelProbe, tokens: np.ndarray) -> TokenTrace:
        import torch
        prompt = registry.family(own.request.family).prompt
        assert prompt is not None
        before, names = prompt(own.request, own.loaded.net)
        sequence = torch.cat([before.to(own.device), torch.from_numpy(tokens)[None].to(own.device)], 1)
        found: dict[str, Any] = {name: z[0].cpu() for name, z in _once(own, "inspect", sequence).items()}
        return TokenTrace(_digits(found["p"]), found["top"].tolist(), _digits(found["top_p"]), names,
                       _digits(found["attention"][:, :len(names)]))


def _digits(z: Any) -> Any:
    return np.round(np.asarray(z, dtype=float), 4).tolist()


def _once(own: ModelProbe, method: str, x: Any, precise: bool = False) -> Any:
    """The answer of one call of the network, through the engine."""
    from pipelines.protocol import NetKey, asked
    return own.result_of(asked(NetKey(own.loaded.sha256, method, precise), x))


def _checked(own: ModelProbe, codes: list[list[int]]) -> Any:
    """Codes (1, h, w) of the size and range that the network knows. Raises BadInput."""
    import torch
    config: Any = own.loaded.net.config
    side, count = config.at(own.request.data).side, config.codes.codes
    try:
        z = np.asarray(codes)
    except ValueError:
        z = np.zeros(0)
    if z.shape != (side, side) or z.dtype.kind not in "iu" or z.min() < 0 or z.max() >= count:
        raise BadInput(f"The codes must be {side} rows of {side} whole numbers from 0 to {count - 1}.")
    return torch.from_numpy(z.astype(np.int64))[None].to(own.device)


def _decoded(own: ModelProbe, codes: Any) -> np.ndarray:
    from pipelines.data.batches import to_pixels
    return to_pixels(_once(own, "decode", codes))[0]


def _codebook(own: ModelProbe) -> Codebook:
    import torch

    from pipelines.data.batches import batches, to_pixels
    from pipelines.tokens.codemap import palette
    config: Any = own.loaded.net.config
    side, count = config.at(own.request.data).side, config.codes.codes
    every = torch.arange(count, device=own.device)[:, None, None].expand(count, side, side)
    pictures = to_pixels(_once(own, "decode", every))
    middle = slice((own.loaded.side(own.request) - TILE) // 2, (own.loaded.side(own.request) + TILE) // 2)
    batch = next(batches(own.request.data, "test", 0, own.loaded.side(own.request), COUNTED))
    codes = _once(own, "codes", batch.x0.to(own.device), precise=True)
    usage = torch.bincount(codes.flatten().cpu(), minlength=count) / codes.numel()
    colours = (palette(count)[:count] * 127.5 + 127.5).byte().tolist()
    return Codebook(tuple(data_url(np.ascontiguousarray(p[middle, middle])) for p in pictures), tuple(usage.tolist()),
                    tuple("#{:02x}{:02x}{:02x}".format(*c) for c in colours))
