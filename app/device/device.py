"""The device that the networks run on, chosen once, on purpose."""
from __future__ import annotations

import os

import psutil
import torch

from pipelines.engine.graphs import RECORDING
from pipelines.engine.precision import fast_bf16


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


def describe(device: torch.device) -> str:
    """Short name for people: "cpu · 2 threads · bf16", "NVIDIA H200 · bf16"."""
    count = threads()
    name = (torch.cuda.get_device_name(device) if device.type == "cuda" else
            f"cpu · {count} thread{'s' * (count > 1)}" if device.type == "cpu" else device.type)
    return name + " · bf16" * fast_bf16(device)


def environment(device: torch.device) -> dict[str, str]:
    """Device, precision and versions, to be stored with what was drawn."""
    return {"device": str(device), "precision": "bf16" if fast_bf16(device) else "fp32", "torch": torch.__version__,
            "threads": str(threads())}


def held_bytes(device: torch.device) -> int:
    """Bytes that this process holds: of the GPU's memory, else of the machine's."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss


def memory_bytes(device: torch.device) -> int:
    """Memory of the device: of the GPU, else of the machine."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else psutil.virtual_memory().total


def machine_bytes() -> int:
    """Memory of the machine beside its GPU."""
    return psutil.virtual_memory().total


def free_bytes(device: torch.device) -> int:
    """What of it nobody holds."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def give_back() -> None:
    """Let the device have what was freed."""
    if torch.cuda.is_available():
        with RECORDING:
            torch.cuda.empty_cache()
