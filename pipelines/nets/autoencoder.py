"""A small KL autoencoder: pictures 64x64x3 to latents 16x16x4 and back (Rombach et al. 2022, section 3.1)."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class AutoencoderConfig:
    channels: int = 4                    # of the latents
    widths: tuple[int, int] = (48, 96)   # at half and at a quarter of the image's resolution


class Block(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                                    nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def encoder(widths: tuple[int, int], channels: int) -> nn.Sequential:
    """Pictures (B, 3, H, H) to (B, channels, H/4, H/4); the first step folds 2x2 pixels into channels."""
    fine, coarse = widths
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, fine, 3, padding=1), Block(fine),
                         nn.Conv2d(fine, coarse, 3, stride=2, padding=1), Block(coarse), nn.Conv2d(coarse, channels, 1))


def decoder(widths: tuple[int, int], channels: int) -> nn.Sequential:
    """(B, channels, h, w) to pictures (B, 3, 4h, 4w)."""
    fine, coarse = widths
    return nn.Sequential(nn.Conv2d(channels, coarse, 3, padding=1), Block(coarse), Block(coarse),
                         nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(coarse, fine, 3, padding=1), Block(fine),
                         nn.Conv2d(fine, 12, 3, padding=1), nn.PixelShuffle(2))


class Autoencoder(nn.Module):
    """Encoder to mean and log-variance, decoder."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.encoder = encoder(config.widths, 2 * config.channels)
        self.decoder = decoder(config.widths, config.channels)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, 3, H, H) in [-1, 1] -> mean and log-variance of q(z | x), each (B, 4, H/4, H/4)."""
        mean, log_variance = self.encoder(x).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)

    def encode(self, x: Tensor) -> Tensor:
        """The mean latent."""
        return self.moments(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Latents (B, 4, h, h) -> pictures (B, 3, 4h, 4h), about in [-1, 1]."""
        return self.decoder(z).float()


def loss(net: Autoencoder, x: Tensor, rng: torch.Generator, kl_weight: float = 1e-4) -> Tensor:
    """Reconstruction + KL: E ||x - D(z)||_1 + weight KL(q(z | x) || N(0, I)), z ~ q (Kingma & Welling 2014; Rombach et al.
    2022, eq. 25 without the adversarial term).

    A last term holds each latent channel at mean 0 and standard deviation 1 over the batch, so that diffusion meets data
    of unit variance and nothing has to be rescaled afterwards. rng draws z on the CPU.
    """
    mean, log_variance = net.moments(x)
    z = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=rng).to(mean)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    channels = mean.transpose(0, 1).flatten(1)
    unit = channels.mean(1).square().mean() + (channels.std(1) - 1).square().mean()
    return F.l1_loss(net.decode(z), x) + kl_weight * kl + 0.1 * unit
