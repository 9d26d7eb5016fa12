"""What every adapter is: a pretrained model behind the four methods that a sampler needs.

    words -> encode -> condition      a prompt as the tensors that the network takes
    latent                            the shape of what is denoised
    predict                           the network
    decode, embed                     a picture out of it, and what is denoised of a picture
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipelines.family import GenerativeModel
from pipelines.hub.about import AdapterInfo
from pipelines.hub.words import Reader
from pipelines.options import OptionError
from pipelines.protocol import Cond
from pipelines.request import Request

Size = tuple[int, int]             # height and width of a picture, in pixels


class HubModel(nn.Module):
    """Base of the adapters; the defaults are those of a model that takes no caption.

    Tensors that go through the engine have a leading row axis, and are fp32 or integers; inside, a model has a dtype of its own.
    """
    info: AdapterInfo
    drawing: GenerativeModel
    multiple = 8                   # height and width are multiples of it
    renormed = False

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        """parts: those of the pipeline by name, networks, tokenizers, scheduler, and the pipeline's own `settings`; size: side of the
        model's own pictures."""
        super().__init__()
        self.size = size
        self.settings: dict[str, Any] = {}
        self.scheduler: Any = parts.get("scheduler")         # as its makers saved it: never stepped, always copied
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part.eval().requires_grad_(False))
            elif name != "scheduler":
                setattr(self, name, part)

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any: ...     # the parts, by their names

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        """Side in pixels of the pictures that a model of these parts was made for."""
        raise NotImplementedError

    def tuned(self, device: torch.device, regional: bool) -> HubModel:
        """For speed on a GPU: convolutions in channels-last order; regional: the blocks that repeat are compiled at their first call."""
        for part in self.children():
            if device.type == "cuda" and any(isinstance(layer, nn.Conv2d) for layer in part.modules()):
                part.to(memory_format=torch.channels_last)                   # type: ignore[call-overload]
            if regional and getattr(part, "_repeated_blocks", None):
                part.compile_repeated_blocks()                               # type: ignore[operator]
        return self

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        """Token ids (B, L), and of further tokenizers by name; on the CPU. Raises OptionError for what it can not read."""
        return torch.zeros(len(prompts), 1, dtype=torch.long), {}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        """The tokenizers by which `words` reads a prompt or a negative one, if they cut what is too long."""
        return ()

    def idle(self, request: Request) -> dict[str, str]:
        """Settings that do nothing with these very weights, whatever others of their kind do with them: name -> why."""
        predicts = self.scheduler.config.get("prediction_type", "epsilon") if self.scheduler is not None else "epsilon"
        clips = request.spec.scheduler is not None and request.spec.scheduler.clips
        return {} if predicts == "epsilon" or clips else {
            "clip": "of a model that does not predict noise, only DDIM and DDPM hold the estimate in its range"}

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        """The text encoders' states of token ids, each (B, ...) fp32."""
        return {}

    def condition(self, states: Cond, request: Request, size: Size, negative: bool) -> dict[str, Tensor]:
        """What `predict` takes besides x and t, for one row: the states of a prompt with whatever belongs to them."""
        return dict(states)

    def latent(self, size: Size) -> tuple[int, int, int]:
        """(C, h, w) of what is denoised for a picture of that size."""
        raise NotImplementedError

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The network's answer (B, C, h, w) fp32 at x (B, C, h, w) and times t (B,), in the scheduler's unit."""
        raise NotImplementedError

    def embed(self, x: Tensor, cond: Cond) -> Tensor:
        """What is denoised (B, C, h, w) of pictures (B, 3, H, W) in [-1, 1]: the inverse of `decode`."""
        return x

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        """Pictures (B, 3, H, W) in about [-1, 1] of what was denoised."""
        return x

    def checked(self, size: Size) -> Size:
        """The size of a request, or the model's own where it is 0. Raises OptionError."""
        height, width = (side or self.size for side in size)
        for name, side in (("height", height), ("width", width)):
            if side % self.multiple:
                raise OptionError(f"The {name} must be a multiple of {self.multiple} for this model; you asked for {side}, "
                                  f"{side // self.multiple * self.multiple} would do.")
        return height, width


def like(net: nn.Module, z: Tensor) -> Tensor:
    """z in the dtype of a network's weights, if it holds no integers."""
    return z.to(next(net.parameters()).dtype) if z.is_floating_point() else z
