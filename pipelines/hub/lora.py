"""LoRA files (Hu et al. 2022): low-rank changes W + scale B A of a pretrained model's weights, put into a copy of them."""
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import nn

from pipelines.hub.load import LoadError
from pipelines.hub.model import HubModel


def with_lora(net: HubModel, file: Path, scale: float) -> HubModel:
    """A copy of the model that has learnt what a .safetensors file of LoRA layers holds, `scale` times; parts that it leaves as they
    are remain shared. The samplers see no difference, and a step costs what it did. Raises LoadError.

    Read by the library, which knows the layouts of the usual trainers (diffusers, peft, kohya, XLabs).
    """
    import diffusers
    from safetensors import SafetensorError
    if not net.info.lora:
        raise LoadError(f"{net.info.title} takes no LoRA files.")
    if file.suffix != ".safetensors":                    # the library goes by it, and would unpickle anything else
        raise LoadError(f"{file.name} is not a .safetensors file; convert it to safetensors first.")
    kind = getattr(diffusers, net.info.made_by[0])
    parts = {name: getattr(net, name) for name in net.info.parts}
    parts |= {name: copy.deepcopy(parts[name]) for name in kind._lora_loadable_modules if name in parts}
    pipe = kind(**parts, **dict.fromkeys(_absent(net), None))
    try:
        pipe.load_lora_weights(str(file), local_files_only=True, use_safetensors=True)
        touched = list(pipe.get_list_adapters())
        if not touched:
            raise ValueError("none of its layers belong to this kind of model")
        pipe.fuse_lora(components=touched, lora_scale=scale)
        pipe.unload_lora_weights()
    except (ValueError, KeyError, RuntimeError, OSError, SafetensorError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LoadError(f"{file.name} does not fit {net.info.title} ({first[:160]}); choose a LoRA file that was trained for "
                        "it.") from error
    kept = {name: part if name in touched or not isinstance(part, nn.Module) else getattr(net, name) for name, part in parts.items()}
    made: dict[str, Any] = {**kept, "settings": net.settings}
    return type(net)(made, net.size)


def _absent(net: HubModel) -> tuple[str, ...]:
    """Parts that the library's pipeline asks for and no adapter has."""
    return ("safety_checker", "feature_extractor") if net.info.name == "sd" else ()
