"""The names of tensors in the single files of models' makers, made from those of the library: the way back of what it converts."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2"}
OPEN_CLIP = {"embeddings.position_embedding.weight": "positional_embedding", "embeddings.token": "token",
             "final_layer_norm": "ln_final", "text_projection.weight": "text_projection",
             "encoder.layers.": "transformer.resblocks.", "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj", "self_attn": "attn"}
FLUX = {"time_text_embed.timestep_embedder.": "time_in.", "time_text_embed.guidance_embedder.": "guidance_in.",
        "time_text_embed.text_embedder.": "vector_in.", "linear_1.": "in_layer.", "linear_2.": "out_layer.",
        "context_embedder.": "txt_in.", "x_embedder.": "img_in.", "norm_out.linear.": "final_layer.adaLN_modulation.1.",
        "proj_out.": "final_layer.linear."}
FLUX_DOUBLE = {"transformer_blocks.": "double_blocks.", "norm1.linear.": "img_mod.lin.", "norm1_context.linear.": "txt_mod.lin.",
               "attn.norm_q.weight": "img_attn.norm.query_norm.scale", "attn.norm_k.weight": "img_attn.norm.key_norm.scale",
               "attn.norm_added_q.weight": "txt_attn.norm.query_norm.scale",
               "attn.norm_added_k.weight": "txt_attn.norm.key_norm.scale",
               "attn.to_q.": "img_attn.qkv.", "attn.add_q_proj.": "txt_attn.qkv.", "attn.to_out.0.": "img_attn.proj.",
               "attn.to_add_out.": "txt_attn.proj.", "ff.net.0.proj.": "img_mlp.0.", "ff.net.2.": "img_mlp.2.",
               "ff_context.net.0.proj.": "txt_mlp.0.", "ff_context.net.2.": "txt_mlp.2."}
FLUX_SINGLE = {"single_transformer_blocks.": "single_blocks.", "norm.linear.": "modulation.lin.", "attn.to_q.": "linear1.",
               "proj_out.": "linear2.", "attn.norm_q.weight": "norm.query_norm.scale", "attn.norm_k.weight": "norm.key_norm.scale"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str, layers: int) -> str:
    """The name of a UNet's tensor in the makers' layout, whose blocks are numbered through."""
    for ours, theirs in ENDS.items():
        if name.startswith(ours + "."):
            return name.replace(ours, theirs, 1)
    side, *rest = name.split(".")
    if side == "mid_block":
        kind, k, *rest = rest
        place = "middle_block." + ("1" if kind == "attentions" else str(2 * int(k)))
    else:
        block, kind, k, *rest = rest
        i, n = int(block), layers + 1
        if kind == "downsamplers":
            return ".".join([f"input_blocks.{n * (i + 1)}.0.op", *rest[1:]])
        if kind == "upsamplers":
            return ".".join([f"output_blocks.{n * i + layers}.{2 if i == 0 else 1}", *rest])
        at = f"input_blocks.{n * i + int(k) + 1}" if side == "down_blocks" else f"output_blocks.{n * i + int(k)}"
        place = at + (".1" if kind == "attentions" else ".0")
    if kind == "resnets":
        rest[0] = RESNET[rest[0]]
    return ".".join([place, *rest])


def vae_name(name: str, levels: int) -> str:
    """The same for the VAE, whose decoder counts its levels downwards."""
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    if "mid_block.attentions.0" in name:
        for ours, theirs in VAE_ATTENTION.items():
            name = name.replace(f"attentions.0.{ours}.", f"attn_1.{theirs}.")
        return name.replace("mid_block", "mid")
    pieces = name.split(".")
    if pieces[1] == "down_blocks":
        pieces[1:2] = ["down"]
    elif pieces[1] == "up_blocks":
        pieces[1:3] = ["up", str(levels - 1 - int(pieces[2]))]
    name = ".".join(pieces).replace(".resnets.", ".block.")
    return name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")


def unet_and_vae(net: Any) -> dict[str, Tensor]:
    found = {f"model.diffusion_model.{unet_name(name, net.unet.config.layers_per_block)}": z for name, z in net.unet.state_dict().items()}
    for name, z in net.vae.state_dict().items():
        square = "attentions" in name and name.endswith("weight") and z.dim() == 2
        found[f"first_stage_model.{vae_name(name, len(net.vae.config.block_out_channels))}"] = z[..., None, None] if square else z
    return found


def clip(encoder: Any, prefix: str) -> dict[str, Tensor]:
    """A text encoder as OpenAI's CLIP has it in transformers."""
    return {f"{prefix}transformer.text_model.{name}": z for name, z in encoder.state_dict().items()}


def open_clip(encoder: Any, prefix: str) -> dict[str, Tensor]:
    """A text encoder in OpenCLIP's layout: queries, keys and values in one matrix, the projection the other way round."""
    found, apart = {}, {name.removeprefix("text_model."): z for name, z in encoder.state_dict().items()}
    for name, z in apart.items():
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            z, name = joined(apart, name, ("q_proj", "k_proj", "v_proj")), name.replace(".q_proj.", ".in_proj_")
        for ours, theirs in OPEN_CLIP.items():
            name = name.replace(ours, theirs)
        found[prefix + name] = z.T if name == "text_projection" else z
    return found


def flux(transformer: Any) -> dict[str, Tensor]:
    """A FLUX.1 transformer in its makers' layout."""
    found, apart = {}, transformer.state_dict()
    for name, z in apart.items():
        if any(f".{part}." in name for part in ("to_k", "to_v", "add_k_proj", "add_v_proj", "proj_mlp")):
            continue
        single = name.startswith("single_")
        if ".to_q." in name:
            z = joined(apart, name, ("attn.to_q", "attn.to_k", "attn.to_v", *(("proj_mlp",) if single else ())))
        elif ".add_q_proj." in name:
            z = joined(apart, name, ("add_q_proj", "add_k_proj", "add_v_proj"))
        elif name.startswith("norm_out"):
            z = torch.cat(z.chunk(2)[::-1])
        table = FLUX_SINGLE if single else FLUX_DOUBLE if name.startswith("transformer_blocks") else FLUX
        for ours, theirs in table.items():
            name = name.replace(ours, theirs)
        found[name] = z
    return found


def joined(apart: dict[str, Tensor], name: str, parts: tuple[str, ...]) -> Tensor:
    """The tensors of several names that differ in one part."""
    return torch.cat([apart[name.replace(parts[0], part)] for part in parts])


def in_one_file(adapter: str, net: Any) -> dict[str, Tensor]:
    """The tensors of a model as its makers' file has them."""
    if adapter == "flux":
        return flux(net.transformer)
    if adapter == "sd":                                  # 1.x reads with CLIP, 2.x with OpenCLIP
        newer = net.scheduler.config.prediction_type == "v_prediction"
        words = open_clip(net.text_encoder, "cond_stage_model.model.") if newer else clip(net.text_encoder, "cond_stage_model.")
        return unet_and_vae(net) | words
    return (unet_and_vae(net) | clip(net.text_encoder, "conditioner.embedders.0.")
            | open_clip(net.text_encoder_2, "conditioner.embedders.1.model."))
