"""One training loop of the benchmark `train`, in a process of its own: python -m tests.bench.sides NAME FOLDER.

All train the same UNet (the bundled models', without a caption) on the same kind of pictures in batches of the same size.
What is printed is images per second between the first forward pass after the warm-up and the last.
"""
from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable
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
        from pipelines.data.tokenizer import LENGTH
        from pipelines.nets.unet import UNet, UNetConfig
        torch.manual_seed(0)
        config = UNetConfig()
        self.unet, self.times = UNet(config), []
        self.register_buffer("states", torch.zeros(1, LENGTH, config.context))

    def forward(self, x: Tensor, t: Tensor, _: Any = None) -> Tensor:
        self.times.append(time.perf_counter())
        states = self.states.expand(len(x), -1, -1)                                      # type: ignore[operator]
        return self.unet(x, t.float(), states, torch.ones_like(states[..., 0], dtype=torch.bool), states[:, 0])

    def rate(self) -> float:
        """Images per second after the warm-up."""
        return BATCH * (len(self.times) - 1 - WARMUP) / (self.times[-1] - self.times[WARMUP])


def ours(folder: Path, fp32: bool = False) -> float:
    """`pipelines.training.train` with the objective of the diffusion family, as `launch.py train` runs it."""
    from pipelines import training
    from pipelines.data.dataset import Batch
    from pipelines.numerics.schedules import NoiseSchedule
    if fp32:
        training.fast_bf16 = lambda device: False
    net, schedule = Clocked(), NoiseSchedule("cosine")

    def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
        t = torch.randint(1000, (len(batch.x0),), generator=rng)
        eps = torch.randn(batch.x0.shape, generator=rng)
        signal, sigma = (z[:, None, None, None] for z in schedule.at(t))
        x0 = batch.x0.contiguous(memory_format=torch.channels_last)
        return F.mse_loss(net(signal * x0 + sigma * eps, t), eps)

    for _ in training.train(net, loss, training.TrainOptions(steps=STEPS, batch=BATCH), folder, torch.device("cpu"), SIZE):
        pass
    return net.rate()


def denoising_diffusion_pytorch(folder: Path) -> float:
    """Its `Trainer` on a folder of pictures, as its README uses it."""
    _without_compiled_operators()
    from denoising_diffusion_pytorch import GaussianDiffusion, Trainer
    from PIL import Image

    from pipelines.data.captions import item
    from pipelines.data.shapes import render
    pictures = folder / "pictures"
    pictures.mkdir()
    for k in range(256):
        Image.fromarray(render(item("train", 0, k)[0], SIZE)).save(pictures / f"{k}.png")
    net = Clocked()
    Trainer(GaussianDiffusion(net, image_size=SIZE, objective="pred_noise"), str(pictures), train_batch_size=BATCH,
            train_num_steps=STEPS, save_and_sample_every=10**9, results_folder=str(folder / "results"), calculate_fid=False).train()
    return net.rate()


def torchcfm(folder: Path) -> float:
    """The loop of its CIFAR-10 example around `ConditionalFlowMatcher`: clipped gradients, warm-up, averaged weights."""
    from torchcfm import ConditionalFlowMatcher

    from pipelines.data.captions import item
    from pipelines.data.dataset import to_tensor
    from pipelines.data.shapes import render
    pictures = torch.stack([to_tensor(render(item("train", 0, k)[0], SIZE)) for k in range(256)])
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pictures), BATCH, shuffle=True, num_workers=1, drop_last=True)
    net, matcher = Clocked(), ConditionalFlowMatcher(sigma=0.0)
    average, optimizer = copy.deepcopy(net), torch.optim.Adam(net.parameters(), lr=2e-4)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step, 5000) / 5000)
    step = 0
    while step < STEPS:
        for (x1,) in data:
            if step == STEPS:
                break
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
            step += 1
    return net.rate()


def _without_compiled_operators() -> None:
    """torchvision's own operators may not fit torch's build; its picture transforms, which are all that is needed, do."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


SIDES: dict[str, Callable[[Path], float]] = {
    "ours": ours, "ours in fp32": lambda folder: ours(folder, fp32=True),
    "denoising-diffusion-pytorch": denoising_diffusion_pytorch, "torchcfm": torchcfm,
}

if __name__ == "__main__":
    print("images/s", SIDES[sys.argv[1]](Path(sys.argv[2])))
