"""Unconditional latent diffusion (Rombach et al. 2022): DDPM's UNet over the latents of a VQ autoencoder or a VAE."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.ddpm import Pixels
from pipelines.hub.model import Size, like
from pipelines.hub.vae import shrink_of
from pipelines.protocol import Cond


class LatentDiffusion(Pixels):
    """parts: vqvae, unet, scheduler."""
    info = ADAPTERS["ldm"]

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return super().side(parts) * shrink_of(parts["vqvae"])

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return super().multiple * shrink_of(self.vqvae)

    def latent(self, size: Size) -> tuple[int, int, int]:
        return self.unet.config.in_channels, size[0] // shrink_of(self.vqvae), size[1] // shrink_of(self.vqvae)

    def embed(self, x: Tensor, cond: Cond) -> Tensor:
        found = self.vqvae.encode(like(self.vqvae, x))
        z = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
        return (z * self.vqvae.config.scaling_factor).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        return self.vqvae.decode(like(self.vqvae, x / self.vqvae.config.scaling_factor), return_dict=False)[0].float()
