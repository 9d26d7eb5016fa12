"""DDPM (Ho et al. 2020): a UNet over pixels, told nothing; also one that was saved without a pipeline around it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.model import HubModel, Size, like
from pipelines.hub.sampler import DRAWING
from pipelines.protocol import Cond


class Pixels(HubModel):
    """parts: unet, scheduler; without one, the noise schedule is that of the paper."""
    info, drawing = ADAPTERS["ddpm"], DRAWING

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        if self.scheduler is None:
            from diffusers import DDPMScheduler
            self.scheduler = DDPMScheduler()

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        size = parts["unet"].config.sample_size
        return size if isinstance(size, int) else size[0]

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        """A picture is halved between the UNet's levels."""
        return 2 ** (len(self.unet.config.block_out_channels) - 1)

    def latent(self, size: Size) -> tuple[int, int, int]:
        return self.unet.config.in_channels, *size

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.unet(like(self.unet, x), t, return_dict=False)[0].float()
