"""What the network stands for: eps_theta(x_t, t, c), the noise in a noisy picture, given the step and the caption."""
from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from pipelines.diffusion.options import PREDICTIONS
from pipelines.nets.autoencoder import Autoencoder, AutoencoderConfig
from pipelines.nets.config import NetworkConfig
from pipelines.nets.text import TextConfig, TextEncoder
from pipelines.nets.unet import UNet, UNetConfig
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Cond


@dataclass(frozen=True)
class DiffusionConfig(NetworkConfig):
    """Everything needed to build the network again; stored in the weights file."""
    text: TextConfig
    unet: UNetConfig = field(default_factory=UNetConfig)
    schedule: NoiseSchedule = field(default_factory=NoiseSchedule)
    prediction: str = "eps"
    size: int = 32                 # of the images, in pixels
    autoencoder: AutoencoderConfig | None = None             # None: the UNet works on pixels
    sizes: dict[str, int] = field(default_factory=dict)      # of sets with another one

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the UNet works on."""
        side = self.size if self.autoencoder is None else self.size // 4
        return self.unet.channels, side, side

    @property
    def tables(self) -> dict[str, int]:
        return {"text.token.weight": self.text.vocabulary}

    @classmethod
    def from_dict(cls, values: dict) -> DiffusionConfig:
        unet, latent = values["unet"], values.get("autoencoder")
        return cls(TextConfig(**values["text"]), UNetConfig(**unet | {"widths": tuple(unet["widths"])}),
                   NoiseSchedule(**values["schedule"]), values["prediction"], values["size"],
                   AutoencoderConfig(**latent | {"widths": tuple(latent["widths"])}) if latent else None,
                   values.get("sizes", {}))


class DiffusionNet(nn.Module):
    """The caption's encoder and the UNet, seen as one function eps_theta."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        if config.prediction not in PREDICTIONS:
            raise ValueError(f"The prediction must be one of {', '.join(PREDICTIONS)}; got {config.prediction!r}.")
        self.config = config
        self.text = TextEncoder(config.text)
        self.unet = UNet(config.unet)
        self.autoencoder = Autoencoder(config.autoencoder) if config.autoencoder else None

    def decode(self, z: Tensor, cond: Cond | None = None) -> Tensor:
        """Latents (B, C, h, w) -> pictures (B, 3, 4h, 4w)."""
        assert self.autoencoder is not None
        return self.autoencoder.decode(z)

    def embed(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] as what noise is added to."""
        return x if self.autoencoder is None else self.autoencoder.encode(x)

    def encode(self, tokens: Tensor, cond: Cond | None = None) -> dict[str, Tensor]:
        """The condition c: token ids (B, L) int64 -> states, mask and pooled vector of the caption.

        It takes no condition itself; the parameter is there because the engine calls every method alike.
        """
        return self.text(tokens)

    def output(self, x_t: Tensor, t: Tensor, cond: dict[str, Tensor]) -> Tensor:
        """What the UNet was trained to predict (`config.prediction`), (B, C, H, W); t (B,) in steps from 0."""
        return self.unet(x_t, self.schedule.angle(t), **cond)

    def predict(self, x_t: Tensor, t: Tensor, cond: dict[str, Tensor]) -> Tensor:
        """eps_theta(x_t, t, c), (B, C, H, W)."""
        return noise_in(self.output(x_t, t, cond).float(), x_t, t, self.prediction, self.schedule)     # autocast may have made it less

    @property
    def prediction(self) -> str:
        return self.config.prediction

    @property
    def schedule(self) -> NoiseSchedule:
        return self.config.schedule


def noise_in(output: Tensor, x_t: Tensor, t: Tensor, prediction: str, schedule: NoiseSchedule) -> Tensor:
    """eps from what a network gave; one trained on v gives eps = sqrt(abar) v + sqrt(1 - abar) x_t."""
    if prediction == "eps":
        return output
    return schedule.at(t).eps_of_v(x_t.float(), output)
