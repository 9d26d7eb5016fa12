"""One training loop of the benchmark `train`, in a process of its own: python -m tests.bench.sides ROW NAME FOLDER.

The loops of a row train the same networks on the same kind of pictures in batches of the same size: the UNet of the bundled
models (without a caption), the autoencoder of the VQ-VAE, the GAN. What is printed is images per second between the first step
after the warm-up and the last.
"""
from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH, SIZE, WARMUP, STEPS = 16, 32, 5, 40


class Clocked(nn.Module):
    """The UNet with an empty caption, noting when it is called. Peers give their own times for its angle: that costs the same."""
    channels, out_dim, self_condition, random_or_learned_sinusoidal_cond = 3, 3, False, False      # what a peer asks for

    def __init__(self) -> None:
        super().__init__()
        from pipelines.data.shapes.tokenizer import LENGTH
        from pipelines.nets.unet import UNet, UNetConfig
        torch.manual_seed(0)
        config = UNetConfig()
        self.unet, self.times = UNet(config), []
        self.register_buffer("states", torch.zeros(1, LENGTH, config.context))

    def forward(self, x: Tensor, t: Tensor, _: Any = None) -> Tensor:
        self.times.append(time.perf_counter())
        states = self.states.expand(len(x), -1, -1)                                      # type: ignore[operator]
        return self.unet(x, t.float(), states, torch.ones_like(states[..., 0], dtype=torch.bool), states[:, 0])


def rate(times: list[float]) -> float:
    """Images per second after the warm-up, of the times at which steps began."""
    return BATCH * (len(times) - 1 - WARMUP) / (times[-1] - times[WARMUP])


def trained(net: nn.Module, loss: Callable[..., Tensor], folder: Path, fp32: bool) -> float:
    """`pipelines.training.loop.train` with a family's objective, as `launch.py train` runs it."""
    from pipelines.data import dataset
    from pipelines.data.batches import Items
    from pipelines.training import loop as training
    if fp32:
        training.fast_bf16 = lambda device: False
    times: list[float] = []

    def clocked(*arguments: Any) -> Tensor:
        times.append(time.perf_counter())
        return loss(*arguments)

    options = training.TrainOptions(steps=STEPS, batch=BATCH)
    items = [Items(dataset("shapes"), "train", options.seed, SIZE, options.pairs)]
    for _ in training.train(net, clocked, options, folder, torch.device("cpu"), items):
        pass
    return rate(times)


def diffusion(folder: Path, fp32: bool = False) -> float:
    """Our loop with the objective of the diffusion family."""
    from pipelines.data.batches import Batch
    from pipelines.numerics.schedules import NoiseSchedule
    schedule = NoiseSchedule("cosine")

    def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
        t = torch.randint(1000, (len(batch.x0),), generator=rng)
        eps = torch.randn(batch.x0.shape, generator=rng)
        level = schedule.at(t)
        signal, sigma = (z[:, None, None, None] for z in (level.alpha, level.sigma))
        x0 = batch.x0.contiguous(memory_format=torch.channels_last)
        return F.mse_loss(net(signal * x0 + sigma * eps, t), eps)

    return trained(Clocked(), loss, folder, fp32)


def denoising_diffusion_pytorch(folder: Path) -> float:
    """Its `Trainer` on a folder of pictures, as its README uses it."""
    without_compiled_operators()
    from denoising_diffusion_pytorch import GaussianDiffusion, Trainer
    from PIL import Image

    from pipelines.data.shapes.captions import item
    from pipelines.data.shapes.scenes import render
    pictures = folder / "pictures"
    pictures.mkdir()
    for k in range(256):
        Image.fromarray(render(item("train", 0, k)[0], SIZE)).save(pictures / f"{k}.png")
    net = Clocked()
    Trainer(GaussianDiffusion(net, image_size=SIZE, objective="pred_noise"), str(pictures), train_batch_size=BATCH,
            train_num_steps=STEPS, save_and_sample_every=10**9, results_folder=str(folder / "results"), calculate_fid=False).train()
    return rate(net.times)


def torchcfm(folder: Path) -> float:
    """The loop of its CIFAR-10 example around `ConditionalFlowMatcher`: clipped gradients, warm-up, averaged weights."""
    from torchcfm import ConditionalFlowMatcher
    net, matcher = Clocked(), ConditionalFlowMatcher(sigma=0.0)
    average, optimizer = copy.deepcopy(net), torch.optim.Adam(net.parameters(), lr=2e-4)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step, 5000) / 5000)
    for x1, _ in loaded():
        optimizer.zero_grad()
        t, xt, ut = matcher.sample_location_and_conditional_flow(torch.randn_like(x1), x1)
        loss = torch.mean((net(xt, t) - ut) ** 2)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        warmup.step()
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), net.parameters(), strict=True):
                mine.copy_(mine * 0.9999 + theirs * 0.0001)
    return rate(net.times)


def loaded() -> Iterator[tuple[Tensor, Tensor]]:
    """STEPS batches of pictures and their captions' tokens, through torch's own loader."""
    from pipelines.data.batches import to_tensor
    from pipelines.data.shapes.captions import item
    from pipelines.data.shapes.scenes import render
    from pipelines.data.shapes.tokenizer import tokenizer
    scenes, captions = zip(*(item("train", 0, k)[:2] for k in range(256)), strict=True)
    pictures = torch.stack([to_tensor(render(scene, SIZE)) for scene in scenes])
    data = torch.utils.data.TensorDataset(pictures, tokenizer().batch(list(captions)))
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, num_workers=1, drop_last=True)
    for _, batch in zip(range(STEPS), (batch for _ in range(STEPS) for batch in loader), strict=False):
        yield tuple(batch)


def vqvae(folder: Path, fp32: bool = False) -> float:
    """Our loop with the objective of the VQ-VAE's autoencoder."""
    from pipelines.data.batches import Batch
    from pipelines.nets.codes import CodeAutoencoder, CodesConfig, reconstruction

    def loss(net: CodeAutoencoder, batch: Batch, rng: torch.Generator) -> Tensor:
        return reconstruction(net, batch.x0.contiguous(memory_format=torch.channels_last), rng)

    return trained(CodeAutoencoder(CodesConfig()), loss, folder, fp32)


def vector_quantize_pytorch(folder: Path) -> float:
    """A plain loop around its `VectorQuantize` as its README sets it up, between the same encoder and decoder."""
    from vector_quantize_pytorch import VectorQuantize

    from pipelines.nets.autoencoder import decoder, encoder
    from pipelines.nets.codes import BETA, CodesConfig
    config = CodesConfig()
    quantizer = VectorQuantize(config.width, config.codes, decay=0.99, commitment_weight=BETA, threshold_ema_dead_code=2,
                               accept_image_fmap=True, rotation_trick=False)
    net = nn.ModuleList([encoder(config.widths, config.width), quantizer, decoder(config.widths, config.width)])
    optimizer, times = torch.optim.Adam(net.parameters(), lr=1e-3), []
    for x, _ in loaded():
        times.append(time.perf_counter())
        z_q, _, commitment = quantizer(net[0](x))
        loss = F.mse_loss(net[2](z_q), x) + commitment.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return rate(times)


def gan(folder: Path, fp32: bool = False) -> float:
    """Our loop with the objective of the GAN family, in fp32 as the family says; the text encoder is held, as by `launch.py train`."""
    from pipelines.data import dataset
    from pipelines.gan.family import FAMILY, loss
    from pipelines.gan.network import GAN, GANConfig
    net = GAN(GANConfig.of(dataset("shapes"), {}))
    net.text.requires_grad_(False)
    return trained(net, loss, folder, fp32 or FAMILY.fp32)


def dcgan(folder: Path) -> float:
    """The loop of PyTorch's DCGAN example: a step of the discriminator, then one of the generator against the new discriminator,
    which stands still in it. The same networks, captions, fakes and losses; R1 on the same rows, written out."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from pipelines.data import dataset
    from pipelines.gan.network import GAN, GANConfig
    from pipelines.gan.objective import GAMMA, R1_EVERY
    net = GAN(GANConfig.of(dataset("shapes"), {}))
    net.text.requires_grad_(False)
    G, D = net.generator, net.discriminator
    of_G, of_D = (torch.optim.Adam(player.parameters(), lr=5e-4, betas=(0.0, 0.99)) for player in (G, D))
    times: list[float] = []
    for x, tokens in loaded():
        times.append(time.perf_counter())
        with torch.no_grad():
            cond = net.encode(tokens)
        other = {name: z.roll(1, 0) for name, z in cond.items()}
        fake = G(torch.randn(BATCH, 2, net.config.latent), cond)

        of_D.zero_grad()
        loss = F.softplus(-D(x, cond)).mean() + 0.5 * (F.softplus(D(fake.detach(), cond)).mean() + F.softplus(D(x, other)).mean())
        some = x[::R1_EVERY].clone().requires_grad_()
        with sdpa_kernel(SDPBackend.MATH):                       # fused attention has no second derivative
            scores = D(some, {name: z[::R1_EVERY] for name, z in cond.items()})
            (slope,) = torch.autograd.grad(scores.sum(), some, create_graph=True)
        (loss + 0.5 * GAMMA * slope.square().flatten(1).sum(1).mean()).backward()
        of_D.step()

        of_G.zero_grad()
        D.requires_grad_(False)
        F.softplus(-D(fake, cond)).mean().backward()
        D.requires_grad_(True)
        of_G.step()
    return rate(times)


def without_compiled_operators() -> None:
    """torchvision's own operators may not fit torch's build; its picture transforms, which are all that is needed, do."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def row(mine: Callable[..., float], **others: Callable[[Path], float]) -> dict[str, Callable[[Path], float]]:
    return {"ours": mine, "ours in fp32": partial(mine, fp32=True)} | {name.replace("_", "-"): loop for name, loop in others.items()}


SIDES = {"unet": row(diffusion, denoising_diffusion_pytorch=denoising_diffusion_pytorch, torchcfm=torchcfm),
         "vq-vae": row(vqvae, vector_quantize_pytorch=vector_quantize_pytorch), "gan": row(gan, dcgan=dcgan)}

if __name__ == "__main__":
    torch.manual_seed(0)
    print("images/s", SIDES[sys.argv[1]][sys.argv[2]](Path(sys.argv[3])))
