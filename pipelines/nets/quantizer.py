"""The codebook e, K vectors of length D: an encoder's output becomes the number of its nearest vector (van den Oord et al.
2018, eq. 1 and 2)."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Quantized:
    """codes (B, h, w) int64; z_q (B, D, h, w), the codes' vectors, through which gradients pass straight to the encoder."""
    codes: Tensor
    z_q: Tensor
    codebook_loss: Tensor          # || sg[z_e] - e ||^2, mean over all numbers; 0 where moving averages take its place
    commitment: Tensor             # || z_e - sg[e] ||^2, likewise


class Quantizer(nn.Module):
    """Nearest code and back. In training mode it counts how often codes are used, and moves those that no longer are.

    moving: learn the codebook by moving averages of what is assigned to each code instead of by gradients (appendix A.1).
    """

    def __init__(self, codes: int, width: int, moving: bool = False, decay: float = 0.99) -> None:
        super().__init__()
        self.moving, self.decay = moving, decay
        self.codebook = nn.Parameter(torch.randn(codes, width), requires_grad=not moving)
        # Parameters without gradients, so that checkpoints keep them.
        self.counts = nn.Parameter(torch.ones(codes), requires_grad=False)
        self.sums = nn.Parameter(self.codebook.detach().clone(), requires_grad=False)

    def nearest(self, z_e: Tensor) -> Tensor:
        """Codes (B, h, w) of encoder outputs (B, D, h, w)."""
        flat = z_e.movedim(1, -1).float()
        with torch.autocast(z_e.device.type, enabled=False):                           # of two near codes the nearer
            distances = self.codebook.square().sum(1) - 2 * flat @ self.codebook.T     # without |z_e|^2, alike for all codes
        return distances.argmin(-1)

    def vectors(self, codes: Tensor) -> Tensor:
        """(B, h, w) -> (B, D, h, w)."""
        return F.embedding(codes, self.codebook).movedim(-1, 1)

    def forward(self, z_e: Tensor, rng: torch.Generator | None = None) -> Quantized:
        """Quantize; rng (CPU) chooses where unused codes go and is needed in training mode only."""
        z_e = z_e.float()
        codes = self.nearest(z_e)
        if self.training:
            assert rng is not None
            with torch.autocast(z_e.device.type, enabled=False):
                self._follow(z_e.detach().movedim(1, -1).flatten(0, 2), codes.flatten(), rng)
        z_q = self.vectors(codes)
        codebook_loss = z_e.new_zeros(()) if self.moving else F.mse_loss(z_q, z_e.detach())
        return Quantized(codes, z_e + (z_q - z_e).detach(), codebook_loss, F.mse_loss(z_e, z_q.detach()))

    @torch.no_grad()
    def _follow(self, z: Tensor, codes: Tensor, rng: torch.Generator) -> None:
        """Moving averages of use (and, if wanted, of the vectors); a code used less than once in about 100 batches moves to
        some output of the encoder, where it is sure to be used (as Dhariwal et al. 2020, section 3.1, restart theirs)."""
        chosen = F.one_hot(codes, len(self.codebook)).to(z.dtype)
        self.counts.lerp_(chosen.sum(0), 1 - self.decay)
        self.sums.lerp_(chosen.T @ z, 1 - self.decay)
        if self.moving:
            self.codebook.copy_(self.sums / self.counts.clamp(min=1e-5)[:, None])
        dead = self.counts < 0.1
        places = z[torch.randint(len(z), (int(dead.sum()),), generator=rng).to(z.device)]
        self.codebook[dead] = places
        self.counts[dead] = 1.0
        self.sums[dead] = places


def usage(codes: Tensor, size: int) -> tuple[float, float]:
    """(share of the codebook that occurs, perplexity) of codes of any shape; perplexity is exp of the entropy, at most K."""
    p = torch.bincount(codes.flatten(), minlength=size).double()
    p = p / p.sum()
    return float((p > 0).double().mean()), float(torch.exp(-(p * p.clamp(min=1e-12).log()).sum()))
