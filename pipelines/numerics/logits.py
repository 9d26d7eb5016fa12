"""From logits to a token: temperature, top-k, top-p (Holtzman et al. 2020), guidance, and a draw that belongs to each row."""
from __future__ import annotations

from collections.abc import Iterator

from pipelines.late import Tensor, torch
from pipelines.numerics.rng import RowNoise

NEVER = float("-inf")


def guided_logits(given: Tensor, nothing: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance on logits (B, K): null + scale (conditional - null), in log-probabilities.

    At scale 1 these are the model's own; the sum over tokens is left to the softmax that follows.
    """
    given, nothing = given.log_softmax(1), nothing.log_softmax(1)
    return nothing + scale * (given - nothing)


def restricted(logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, own: Tensor | None = None) -> Tensor:
    """Logits (B, K) / temperature of what may be drawn; -inf for what may not.

    temperature: 0 leaves the likeliest token alone. top_k: how many of the likeliest may be drawn, 0 for all. top_p: the
    fewest tokens whose probabilities sum to at least this share; the likeliest is always among them.
    own: the model's logits before guidance. It is they that say what is likely, whatever the temperature: guidance also lifts
    what the model holds for all but impossible, if only it is still less likely without the prompt (after the plausibility
    constraint of Li et al. 2022, "Contrastive Decoding").
    """
    if temperature == 0:
        return torch.where(logits == logits.amax(1, keepdim=True), 0.0, NEVER)
    own = (logits if own is None else own).float()
    logits = logits.float() if temperature == 1 else logits.float() / temperature
    if 0 < top_k < own.shape[1]:
        never = own < own.topk(top_k, dim=1).values[:, -1:]
        logits, own = logits.masked_fill(never, NEVER), own.masked_fill(never, NEVER)
    if top_p < 1:
        likeliest, order = own.sort(dim=1, descending=True)
        p = likeliest.softmax(1)
        beyond = p.cumsum(1) - p >= top_p
        beyond[:, 0] = False
        logits = logits.masked_fill(torch.zeros_like(beyond).scatter(1, order, beyond), NEVER)
    return logits


def draw(logits: Tensor, gumbel: Tensor) -> Tensor:
    """A token (B,) for each row of logits (B, K), with the probabilities of their softmax: the Gumbel-max trick on Gumbel noise (B, K)."""
    return (logits + gumbel).argmax(1)


def gumbel_of(uniform: Tensor) -> Tensor:
    """Gumbel noise out of uniform numbers in [0, 1)."""
    return -(-uniform.clamp(min=1e-20).log()).log()


def gumbels(noise: RowNoise, count: int, ahead: int) -> Iterator[Tensor]:
    """Gumbel noise (B, count) without end, drawn for `ahead` tokens at once: one by one it takes longer than a small network."""
    while True:
        yield from gumbel_of(noise.uniform(ahead * count)).unflatten(1, (ahead, count)).unbind(1)
