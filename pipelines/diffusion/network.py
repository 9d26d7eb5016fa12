"""What the network stands for: eps_theta(x_t, t, c), the noise in a noisy picture, given the step and the caption."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field

from torch import Tensor, nn

from pipelines.diffusion.options import PREDICTIONS
from pipelines.nets.text import TextConfig, TextEncoder
from pipelines.nets.unet import UNet, UNetConfig
from pipelines.numerics.schedules import NoiseSchedule, per_row
from pipelines.protocol import Cond


@dataclass(frozen=True)
class DiffusionConfig:
    """Everything needed to build the network again; stored in the weights file."""
    text: TextConfig
    unet: UNetConfig = field(default_factory=UNetConfig)
    schedule: NoiseSchedule = field(default_factory=NoiseSchedule)
    prediction: str = "eps"
    size: int = 32                 # of the images, in pixels

    def to_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> DiffusionConfig:
        unet = dict(values["unet"])
        unet["widths"] = tuple(unet["widths"])
        return cls(TextConfig(**values["text"]), UNetConfig(**unet), NoiseSchedule(**values["schedule"]),
                   values["prediction"], values["size"])


class DiffusionNet(nn.Module):
    """The caption's encoder and the UNet, seen as one function eps_theta."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        if config.prediction not in PREDICTIONS:
            raise ValueError(f"The prediction must be one of {', '.join(PREDICTIONS)}; got {config.prediction!r}.")
        self.config = config
        self.text = TextEncoder(config.text)
        self.unet = UNet(config.unet)

    def encode(self, tokens: Tensor, cond: Cond | None = None) -> dict[str, Tensor]:
        """The condition c: token ids (B, L) int64 -> states, mask and pooled vector of the caption.

        It takes no condition itself; the parameter is there because the engine calls every method alike.
        """
        return self.text(tokens)

    def output(self, x_t: Tensor, t: Tensor, cond: dict[str, Tensor]) -> Tensor:
        """What the UNet was trained to predict (`config.prediction`), (B, C, H, W); t (B,) in steps from 0."""
        return self.unet(x_t, t, **cond)

    def predict(self, x_t: Tensor, t: Tensor, cond: dict[str, Tensor]) -> Tensor:
        """eps_theta(x_t, t, c), (B, C, H, W). A UNet trained on v gives eps = sqrt(abar) v + sqrt(1 - abar) x_t."""
        out = self.output(x_t, t, cond).float()              # autocast may have made it less
        if self.config.prediction == "eps":
            return out
        signal, noise = (per_row(s, x_t) for s in self.config.schedule.at(t))
        return signal * out + noise * x_t.float()
