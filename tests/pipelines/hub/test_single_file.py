"""One .safetensors file in the layout of a model's makers is the same model as its folder."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from pipelines.hub.load import LoadError, single_file
from tests.pipelines.hub.makers import in_one_file
from tests.pipelines.hub.models import CPU, ROUNDING, ask, drawn, folder_of, loaded
from weights.check.single_file import fits, recognised

pytestmark = pytest.mark.slow

LIKE: dict[str, Any] = {"sd": {"spacing": "leading", "clip": False}, "sdxl": {"spacing": "leading", "clip": False}, "flux": {}}
# The tiny FLUX has fewer channels than the published one is recognised by.
HEADER: dict[str, Any] = {"sd": {}, "sdxl": {}, "flux": {"img_in.weight": {"shape": [32, 64]}}}

# What published files hold besides, and nobody needs.
MORE = {"sd": ("cond_stage_model.transformer.text_model.embeddings.position_ids", "model_ema.decay", "alphas_cumprod", "betas"),
        "sdxl": ("conditioner.embedders.0.transformer.text_model.embeddings.position_ids", "conditioner.embedders.1.model.logit_scale",
                 "denoiser.sigmas"),
        "flux": ()}


def of_width(convert: Any, width: int) -> Any:
    """The library's conversion of FLUX, in whose code the width of the published model is a number, for a smaller one."""
    code = convert.__code__
    assert 3072 in code.co_consts
    smaller = code.replace(co_consts=tuple(width if constant == 3072 else constant for constant in code.co_consts))
    return type(convert)(smaller, convert.__globals__, convert.__name__, convert.__defaults__, convert.__closure__)


@pytest.mark.parametrize(("adapter", "kind"), [
    ("sd", {}), ("sd", {"prediction": "v_prediction"}), ("sdxl", {"second": 48}), ("flux", {"guidance_embeds": True})])
def test_it_is_the_same_model(adapter: str, kind: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a folder beside it that holds configurations, tokenizers and what the file lacks, and no weights of what it has."""
    folder = folder_of(adapter, **kind)
    net, file, configs = loaded(adapter, folder), tmp_path / "model.safetensors", tmp_path / "configs"
    if adapter == "flux":
        from diffusers.loaders import single_file_model
        known = single_file_model.SINGLE_FILE_LOADABLE_CLASSES["FluxTransformer2DModel"]
        monkeypatch.setitem(known, "checkpoint_mapping_fn", of_width(known["checkpoint_mapping_fn"], 32))
    tensors = {name: z.contiguous().clone() for name, z in in_one_file(adapter, net).items()}
    tensors |= {name: torch.arange(4) for name in MORE[adapter]}
    save_file(tensors, file)
    shutil.copytree(folder, configs)
    found, missing = recognised(file.name, {name: {"shape": [*z.shape]} for name, z in tensors.items()} | HEADER[adapter])
    assert found == adapter
    for path in configs.glob("*/*.safetensors"):
        if path.parent.name not in missing:
            path.unlink()
    other = single_file(adapter, file, missing, configs, CPU, torch.float32)
    request = ask(adapter, "euler", 3, guidance=4.0, **LIKE[adapter])
    assert float((drawn(request, other) - drawn(request, net)).abs().max()) <= ROUNDING
    if adapter == "flux":                                # whose files are often kept in eight bits
        pictures = []
        for dtype in (torch.float8_e4m3fn, torch.float32):
            save_file({name: z.to(torch.float8_e4m3fn).to(dtype) for name, z in tensors.items()}, file)
            pictures.append(drawn(request, single_file(adapter, file, missing, configs, CPU, torch.float32)))
        assert float((pictures[0] - pictures[1]).abs().max()) <= ROUNDING


def test_a_folder_beside_it_must_be_of_the_same_network() -> None:
    def header(width: int) -> dict[str, Any]:
        return {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": {"shape": [320, width]}}

    assert fits("sd", header(768), {"cross_attention_dim": 768}) and not fits("sd", header(1024), {"cross_attention_dim": 768})
    dev = {"guidance_in.in_layer.weight": {"shape": [3072, 256]}}
    assert fits("flux", dev, {"guidance_embeds": True}) and not fits("flux", dev, {"guidance_embeds": False})
    assert fits("flux", {}, {"guidance_embeds": False}) and not fits("flux", {}, {"guidance_embeds": True})


def test_only_safetensors(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04.")
    with pytest.raises(LoadError, match="not a .safetensors file"):
        single_file("sd", tmp_path / "model.ckpt", (), folder_of("sd"), CPU, torch.float32)
