"""How a masked model draws (MaskGIT, Chang et al. 2022): all codes are hidden; each step guesses them, and keeps the surest."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.family import calls_a_step, sampler
from pipelines.late import Tensor, torch
from pipelines.numerics.logits import NEVER, gumbel_of
from pipelines.numerics.rng import RowNoise
from pipelines.options import option
from pipelines.protocol import NetKey, Predict, Preview, Sampler, asked

# Share of the codes that stay hidden; in fp32 as in the library, since it is rounded down and cos(pi/3) is a case.
SCHEDULES: dict[str, Callable[[Tensor], Tensor]] = {"cosine": lambda done: torch.cos(done * math.pi / 2), "linear": lambda done: 1 - done}


@dataclass(frozen=True)
class MaskedOptions:
    """Options of filling in hidden codes, for models that have learnt it."""
    steps: int = option(12, "Steps", "How often the hidden codes are guessed; each time the surest stay.", symbol="N", low=1, high=200)
    temperature: float = option(2.0, "Temperature", "How much chance there is at first in which guesses stay.", symbol="τ", low=0, high=20)
    last_temperature: float = option(0.0, "Last temperature", "And at the end; it changes in equal steps.", symbol="τ₀", low=0, high=20)


@sampler("masked", "Masked", "Guesses all hidden codes at once, keeps the surest, and again: a dozen calls and not one for each code.",
         MaskedOptions, calls_a_step(1), source="Chang et al. 2022, arXiv:2202.04200",
         formula=r"z_i \sim p(z_i \mid z_{known}), \quad \text{hide the } \lfloor L \cos(\tfrac{\pi n}{2N}) \rfloor \text{ least } "
                 r"\log p(z_i) + \tau_n g_i")
def unmasked(logits: Predict, grid: tuple[int, int, int], noise: RowNoise, o: MaskedOptions, hidden: int, schedule: str,
             decode: NetKey | None) -> Sampler:
    """Codes (B, h w) in 0..K-1 of a map (K, h, w), drawn in `o.steps` steps; `hidden` stands for one that is not known yet.

    Step n draws every hidden code, c_i ~ p(c_i | the others), then hides those again whose log p(c_i) + tau_n g_i is least, as many
    as the schedule leaves; g is Gumbel noise and tau falls in equal steps. decode: what shows the guesses, if anybody looks.
    """
    from pipelines.nets.codes import UNKNOWN
    from pipelines.tokens.codemap import colours
    K, h, w = grid
    z = torch.full((len(noise.seeds), h * w), hidden, device=noise.device)
    for n, tau in enumerate(torch.linspace(o.temperature, o.last_temperature, o.steps).tolist()):
        answer = yield from logits(z.view(-1, h, w), None)
        p = answer.flatten(2).movedim(1, 2).softmax(2)                                           # (B, h w, K)
        unknown = z == hidden
        guess = torch.where(unknown, (p / exponentials(noise, h * w, K)).argmax(2), z)
        sure = p.gather(2, guess[..., None])[..., 0]
        z = guess
        if n + 1 < o.steps:
            left = int(h * w * SCHEDULES[schedule](torch.tensor((n + 1) / o.steps)))
            scores = sure.clamp(min=1e-20).log() + tau * gumbel_of(noise.uniform(h * w))
            z = torch.where(least(scores.masked_fill(~unknown, -NEVER), left, unknown), hidden, guess)
        if decode is not None:
            picture = yield from asked(decode, guess.view(-1, h, w))
            shown = colours(torch.where(z == hidden, UNKNOWN, z).view(-1, h, w), K)
            share = float((z == hidden).float().mean())
            yield Preview(shown, picture, n + 1, o.steps, 1 - share, share, {r"\tau": tau, "p_i": sure.mean(1)})
    return z


def exponentials(noise: RowNoise, length: int, count: int) -> Tensor:
    """Exponential noise E (B, length, count) of the rows' own streams: argmax p / E is a draw from p."""
    rows = [torch.empty(length, count).exponential_(generator=generator) for generator in noise.generators]
    return torch.stack(rows).to(noise.device)


def least(scores: Tensor, count: int, unknown: Tensor) -> Tensor:
    """Which of the scores (B, L) are below the one that has `count` below it; at least one, and one fewer than `unknown` at most."""
    counts = (unknown.sum(1, keepdim=True) - 1).clamp(max=count).clamp(min=1)
    return scores < scores.sort(1).values.gather(1, counts)
