"""From a verified file to a network on a device, and back."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines import registry
from weights.catalog import Entry
from weights.verify import WeightsError, sha256


def load(entry: Entry, device: torch.device) -> tuple[str, nn.Module]:
    """(SHA-256, network in evaluation mode on the device). Raises WeightsError with a sentence."""
    metadata = entry.metadata
    digest = sha256(entry.path)
    if entry.expected is not None and digest != entry.expected:
        raise WeightsError(f"The weights of {entry.name} do not match their checksum, so they were not loaded; run "
                           "`launch.py models verify`, and `git checkout weights/bundled` to restore them.")
    try:
        net = registry.family(metadata["family"]).build(metadata["config"])
        net.load_state_dict({name: z.float() for name, z in load_file(entry.path).items()})
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"The weights of {entry.name} do not fit the network that they describe ({error}); use "
                           "weights that `launch.py train` wrote.") from error
    return digest, net.to(device, memory_format=torch.channels_last).eval()     # type: ignore[call-overload]


def save(path: Path, weights: dict[str, Tensor], metadata: dict[str, Any]) -> str:
    """Write fp16 weights with their description, by temporary file and rename; returns the SHA-256."""
    temporary = path.with_suffix(".part")
    save_file({name: z.detach().to(torch.float16).contiguous().cpu() for name, z in weights.items()}, temporary,
              metadata={"model": json.dumps(metadata)})
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return sha256(path)
