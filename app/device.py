"""The device that the networks run on, chosen once, on purpose."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import psutil
import torch


def threads() -> int:
    """CPU threads for the networks: one a physical core that this process may use, or what OMP_NUM_THREADS says."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def choose_device() -> torch.device:
    """cuda, else mps, else cpu; SEXTANT_DEVICE overrides. Sets the number of CPU threads."""
    torch.set_num_threads(threads())
    wanted = os.environ.get("SEXTANT_DEVICE")
    if wanted:
        return torch.device(wanted)
    if torch.cuda.is_available():
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def at_precision(net: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """A network's method in the precision of the device: bf16 matrix products on CUDA, fp32 elsewhere.

    bf16 was no faster than fp32 on the CPUs that we measured. Answers are fp32 on every device.
    """
    if device.type != "cuda":
        return net

    def call(*arguments: Any) -> Any:
        with torch.autocast("cuda", torch.bfloat16):
            return net(*arguments)
    return call


def describe(device: torch.device) -> str:
    """Short name for people: "cpu · 2 threads", "NVIDIA H200"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = threads()
    return f"cpu · {count} thread{'s' * (count > 1)}" if device.type == "cpu" else device.type
