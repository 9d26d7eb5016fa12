"""A pretrained model from a folder of this computer. Nothing is fetched, unpickled or imported that the class list does not name."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipelines.family import GenerativeModel
from pipelines.hub.about import ADAPTERS, AdapterInfo
from pipelines.hub.model import HubModel

# Name of the adapter -> (module in pipelines.hub, class)
CLASSES = {"ddpm": ("ddpm", "Pixels"), "ldm": ("ldm", "LatentDiffusion"), "sd": ("sd", "StableDiffusion"),
           "sdxl": ("sdxl", "StableDiffusionXL"), "dit": ("dit", "DiT"), "ncsnpp": ("ncsnpp", "ScoreNet"),
           "sd3": ("sd3", "StableDiffusion3"), "flux": ("flux", "Flux"),
           "amused": ("amused", "Amused"), "imagegpt": ("imagegpt", "ImageGPT"), "janus": ("janus", "Janus"),
           "emu3": ("emu3", "Emu3"),
           "zimage": ("zimage", "ZImage"), "sana": ("sana", "Sana"), "auraflow": ("auraflow", "AuraFlow"),
           "lumina2": ("lumina2", "Lumina2")}
# What a class of the list would obey although it leads out of its folder: other weights, other kernels, other libraries.
REFUSED = ("quantization_config", "attn_implementation", "_attn_implementation", "compression_config")
COMPILE = "SEXTANT_COMPILE"        # environment: 1 compiles the blocks that repeat in a network, which pays for long sessions on a GPU


class LoadError(ValueError):
    """A folder that does not hold the model it should; the message is one sentence for the user."""


def adapter_class(adapter: str) -> type[HubModel]:
    """The class of an adapter, imported by name. Raises KeyError."""
    module, name = CLASSES[adapter]
    return getattr(import_module(f"pipelines.hub.{module}"), name)


def drawing(adapter: str) -> GenerativeModel:
    """How a model of an adapter draws. Raises KeyError."""
    return adapter_class(adapter).drawing


def load(adapter: str, folder: Path, device: torch.device | str, dtype: torch.dtype,
         stop: Callable[[], bool] = lambda: False) -> HubModel:
    """The model of a repository that lies in `folder`, its networks in evaluation mode. Raises LoadError, also if it is to stop."""
    _quiet()
    info = ADAPTERS[adapter]
    settings, parts = _json(folder / "model_index.json"), dict[str, Any]()
    for name, kind in _kinds(info, folder, settings):
        _go_on(stop)
        parts[name] = part(kind, _place(folder, name), dtype)
    return _joined(adapter, parts, settings, torch.device(device))


def single_file(adapter: str, file: Path, missing: Collection[str], configs: Path, device: torch.device | str,
                dtype: torch.dtype, stop: Callable[[], bool] = lambda: False) -> HubModel:
    """The model of one .safetensors file in its makers' own layout; `configs`: a repository of the same model, of which the
    configurations are taken, and the parts that the file lacks. Raises LoadError, also if it is to stop."""
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm, load_single_file_checkpoint
    _quiet()
    if file.suffix != ".safetensors":                    # the library goes by it, and would unpickle anything else
        raise LoadError(f"{file.name} is not a .safetensors file; convert it to safetensors first.")
    settings, checkpoint = _json(configs / "model_index.json"), load_single_file_checkpoint(str(file), local_files_only=True)
    parts: dict[str, Any] = {}
    for name, kind in _kinds(ADAPTERS[adapter], configs, settings):
        _go_on(stop)
        if name in missing:
            parts[name] = part(kind, _place(configs, name), dtype)
            continue
        _checked(configs / name)
        convert = getattr(kind, "from_single_file", None) or partial(create_diffusers_clip_model_from_ldm, kind)
        parts[name] = convert(dict(checkpoint), config=str(configs), subfolder=name, local_files_only=True, torch_dtype=dtype)
    return _joined(adapter, parts, settings, torch.device(device))


def _go_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise LoadError("it was stopped")


def _quiet() -> None:
    """What the libraries tell a terminal (progress, optional packages) is for those who call them by hand."""
    import diffusers
    import transformers
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


def part(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """One part of a model: a network with its weights, a tokenizer, a scheduler. Raises LoadError."""
    _checked(folder)
    if not issubclass(kind, nn.Module):
        return kind.from_pretrained(folder, local_files_only=True)
    try:
        return kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, variant=variant(folder, dtype),
                                    **{"torch_dtype" if kind.__module__.startswith("diffusers") else "dtype": dtype})
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise LoadError(f"The {kind.__name__} in {folder.name}/ could not be loaded: {first}") from error


def variant(folder: Path, dtype: torch.dtype) -> str | None:
    """Which of the files with a network's weights to read: those named after the precision where there are some, else the plain
    ones, else whatever other precision there is."""
    names = [path.name for path in folder.glob("*.safetensors")]
    found = {piece for name in names for piece in ("fp16", "bf16") if f".{piece}." in name or f".{piece}-" in name}
    own = {torch.float16: "fp16", torch.bfloat16: "bf16"}.get(dtype)
    plain = any(not any(f".{piece}" in name for piece in ("fp16", "bf16")) for name in names)
    if own in found:
        return own
    return None if plain or not found else sorted(found)[0]


def _joined(adapter: str, parts: dict[str, Any], settings: Mapping[str, Any], device: torch.device) -> HubModel:
    kind = adapter_class(adapter)
    plain = {name: value for name, value in settings.items() if not name.startswith("_") and not isinstance(value, list)}
    return kind(parts | {"settings": plain}, kind.side(parts)).eval().to(device).tuned(device, os.environ.get(COMPILE) == "1")


def _kinds(info: AdapterInfo, folder: Path, index: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, class) of the parts to load, in the adapter's order; nothing else of the folder is looked at."""
    for name, allowed in info.parts.items():
        wanted = _wanted(name, allowed, folder, index)
        if wanted is None:
            if name not in info.optional:
                raise LoadError(f"The model in {folder.name}/ lacks its {name}; a {info.title} model has {', '.join(info.parts)}.")
            continue
        if wanted not in allowed:
            raise LoadError(f"The {name} of the model in {folder.name}/ is a {wanted}, which is not loaded here; expected was "
                            f"{' or '.join(allowed)}.")
        library, kind = wanted.split(".")
        yield name, getattr(import_module(library), kind)


def _wanted(name: str, allowed: tuple[str, ...], folder: Path, index: Mapping[str, Any]) -> str | None:
    """The class of a part as the repository names it, in model_index.json or in the configuration files of the root."""
    if index:
        entry = index.get(name)
        return ".".join(entry) if isinstance(entry, list) and len(entry) == 2 and all(isinstance(e, str) for e in entry) else None
    if name == "scheduler":
        kind = _json(folder / "scheduler_config.json").get("_class_name")
        return f"diffusers.{kind}" if kind else None
    config = _json(folder / "config.json")
    named = {config.get("_class_name"), _json(folder / "tokenizer_config.json").get("tokenizer_class"), *config.get("architectures", ())}
    return next((kind for kind in allowed if kind.split(".")[-1] in named), allowed[0] if len(allowed) == 1 else None)


def _place(folder: Path, name: str) -> Path:
    """A part's folder; the oldest repositories have the files of all parts in the root."""
    return folder / name if (folder / name).is_dir() else folder


def _checked(folder: Path) -> None:
    """Raises LoadError for what would lead the libraries to files or code elsewhere."""
    found = [key for key in REFUSED if _json(folder / "config.json").get(key)]
    found += ["adapter_config.json"] if (folder / "adapter_config.json").exists() else []
    if found:
        raise LoadError(f"The model in {folder.name}/ asks for more than its own weights ({', '.join(found)}), which is not done here; "
                        "take a repository with plain weights.")


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no such file."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LoadError(f"{path.name} of the model in {path.parent.name}/ is not JSON; get the file again.") from error
    return content if isinstance(content, dict) else {}
