"""What the latent models share: the VAE between pictures and what is denoised (Rombach et al. 2022)."""
from __future__ import annotations

from torch import Tensor

from pipelines.hub.model import HubModel, Size, like
from pipelines.protocol import Cond


def shrink_of(vae: object) -> int:
    """How many pixels a latent stands for, in each direction."""
    return 2 ** (len(vae.config.block_out_channels) - 1)                     # type: ignore[attr-defined]


class LatentModel(HubModel):
    """Base of the adapters whose part `vae` is an AutoencoderKL: latents are (z - shift) * scale of its own z."""

    @property
    def shrink(self) -> int:
        return shrink_of(self.vae)

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return self.shrink

    def latent(self, size: Size) -> tuple[int, int, int]:
        return self.vae.config.latent_channels, size[0] // self.shrink, size[1] // self.shrink

    def embed(self, x: Tensor, cond: Cond) -> Tensor:
        """The most likely latents, without the VAE's own noise."""
        z = self.vae.encode(like(self.vae, x)).latent_dist.mode()
        return ((z - self.shift_factor) * self.vae.config.scaling_factor).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        z = x / self.vae.config.scaling_factor + self.shift_factor
        return self.vae.decode(like(self.vae, z), return_dict=False)[0].float()

    @property
    def shift_factor(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0
