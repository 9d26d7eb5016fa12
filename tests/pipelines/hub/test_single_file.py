"""One .safetensors file in the layout of Stable Diffusion's makers is the same model as its folder."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.hub.load import LoadError, single_file
from tests.pipelines.hub.models import CPU, ask, drawn, folder_of, loaded

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0", "conv_out": "out.2"}
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


def in_one_file(net: Any) -> dict[str, Tensor]:
    found = {f"model.diffusion_model.{unet_name(name, net.unet.config.layers_per_block)}": z for name, z in net.unet.state_dict().items()}
    for name, z in net.vae.state_dict().items():
        square = "attentions" in name and name.endswith("weight") and z.dim() == 2
        found[f"first_stage_model.{vae_name(name, len(net.vae.config.block_out_channels))}"] = z[..., None, None] if square else z
    return found | {f"cond_stage_model.transformer.text_model.{name}": z for name, z in net.text_encoder.state_dict().items()}


def test_it_is_the_same_model(tmp_path: Path) -> None:
    """With a folder beside it that holds configurations and the tokenizer, and no weights."""
    net, file, configs = loaded("sd", folder_of("sd")), tmp_path / "model.safetensors", tmp_path / "configs"
    save_file({name: z.contiguous().clone() for name, z in in_one_file(net).items()}, file)
    shutil.copytree(folder_of("sd"), configs, ignore=shutil.ignore_patterns("*.safetensors"))
    other = single_file("sd", file, configs, CPU, torch.float32)
    request = ask("sd", "euler", 3, guidance=4.0, spacing="leading", clip=False)
    assert float((drawn(request, other) - drawn(request, net)).abs().max()) <= 2e-6


def test_only_safetensors(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04.")
    with pytest.raises(LoadError, match="not a .safetensors file"):
        single_file("sd", tmp_path / "model.ckpt", folder_of("sd"), CPU, torch.float32)
