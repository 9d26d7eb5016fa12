"""From a verified file to a network on a device, and back."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as packed
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipelines import registry
from pipelines.files import MISREAD, write_whole
from weights.catalog import Entry
from weights.check.reading import shown
from weights.check.verify import WeightsError, check_numbers, read_header, sha256
from weights.pretrained import Pretrained, WithLora, companion


def load(entry: Entry, device: torch.device, stop: Callable[[], bool] = lambda: False, waiting: bool = False) -> tuple[str, nn.Module]:
    """(SHA-256, network in evaluation mode on the device). Raises WeightsError with a sentence, also if it is to stop.

    waiting: a pretrained network stays in the machine's memory, in the precision that the device wants.
    """
    if isinstance(entry, Pretrained):
        return _pretrained(entry, device, stop, waiting)
    metadata = entry.metadata
    digest = sha256(entry.path)
    if entry.expected is not None and digest != entry.expected:
        raise WeightsError(f"The weights of {entry.name} do not match their checksum, so they were not loaded; restore "
                           "them by `git checkout weights/bundled`, or a new installation, and try again.")
    try:
        build = registry.family(metadata["family"]).build
        with torch.device("meta"), _Shapes():                  # which takes no memory, whatever the description asks for
            wanted = {name: list(z.shape) for name, z in build(metadata["config"]).state_dict().items()}
        held = {name: about["shape"] for name, about in read_header(entry.path)[0].items()}
        differing = [name for name in (*wanted, *held) if wanted.get(name) != held.get(name)]
        if differing:
            raise ValueError(f"{differing[0][:80]} has the shape {held.get(differing[0])} where {wanted.get(differing[0])} is expected")
        net = build(metadata["config"])
        tensors = {name: z.float() for name, z in load_file(entry.path).items()}
        net.load_state_dict(tensors)
    except (*MISREAD, RuntimeError, AssertionError, SafetensorError) as error:
        raise WeightsError(f"The weights of {entry.name} do not fit the network that they describe ({_first_line(error)}); use "
                           "weights that the command `train` wrote.") from error
    if not finite(tensors):
        check_numbers(entry.path)                              # which says how many are none
    return digest, net.to(device, memory_format=torch.channels_last).eval()     # type: ignore[call-overload]


class _Shapes(TorchFunctionMode):
    """Where nothing but shapes is wanted no normal numbers are drawn: for those of "meta" torch imports its compiler, which takes 2 s."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.normal_:
            return kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def _pretrained(entry: Pretrained, device: torch.device, stop: Callable[[], bool], waiting: bool) -> tuple[str, nn.Module]:
    """A model that an adapter speaks for: in half precision on a GPU, in fp32 elsewhere."""
    dtype = (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16) if device.type == "cuda" else torch.float32
    try:
        return entry.digest, _networks(entry, torch.device("cpu") if waiting else device, dtype, stop)
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise WeightsError(f"{entry.name} could not be loaded ({_first_line(error)}); check it with the command `models verify`, or "
                           "remove it and download it again.") from error


def _networks(entry: Pretrained, device: torch.device, dtype: torch.dtype, stop: Callable[[], bool]) -> nn.Module:
    """Checks headers and classes before anything is read."""
    from pipelines.hub import load as hub
    from pipelines.hub.lora import with_lora
    plan = entry.plan
    if isinstance(entry, WithLora):
        read_header(entry.path)
        base: Any = _networks(entry.changed, device, dtype, stop)
        return with_lora(base, entry.path, entry.scale)
    if entry.path.is_file():
        return hub.single_file(plan.adapter, entry.path, plan.missing, companion(entry), device, dtype, stop)
    return hub.load(plan.adapter, entry.path, device, dtype, stop)


def _first_line(error: Exception) -> str:
    return shown((str(error).strip().splitlines() or [type(error).__name__])[0][:200])


def save(path: Path, weights: dict[str, Tensor], metadata: dict[str, Any]) -> str:
    """Write fp16 weights with their description, whole or not at all; returns the SHA-256.

    Raises OSError, and WeightsError for values that are no numbers, or none that fp16 can hold.
    """
    half = {name: z.detach().to(torch.float16).contiguous().cpu() for name, z in weights.items()}
    if not finite(half):
        raise WeightsError(f"{shown(path.name)} was not written because the weights hold values that are no numbers, or larger than those "
                           "of fp16; go on from an earlier checkpoint with a smaller learning rate.")
    content = packed(half, metadata={"model": json.dumps(metadata)})
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def finite(tensors: dict[str, Tensor]) -> bool:
    """Whether all their values are numbers."""
    return all(bool(z.isfinite().all()) for z in tensors.values())
