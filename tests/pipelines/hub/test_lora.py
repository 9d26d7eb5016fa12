"""A model with a LoRA file equals the library's pipeline after `load_lora_weights`, in the layouts of two trainers."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines.hub.load import LoadError
from pipelines.hub.lora import with_lora
from pipelines.hub.model import HubModel
from tests.pipelines.hub.models import AMONG, PROMPT, ROUNDING, ask, difference, drawn, folder_of, library, loaded, seeded

pytestmark = pytest.mark.slow

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("sd", "StableDiffusionPipeline", "unet", {}), ("sdxl", "StableDiffusionXLPipeline", "unet", {}),
    ("flux", "FluxPipeline", "transformer", {"size": (32, 32)})]


def low_rank(net: nn.Module, prefix: str, kohya: bool = False) -> dict[str, Tensor]:
    """Random LoRA layers of rank 2 for the attention's projections to queries."""
    rng = torch.Generator().manual_seed(7)
    found: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if name.endswith("to_q"):
            down, up = torch.randn(2, layer.in_features, generator=rng), torch.randn(layer.out_features, 2, generator=rng)
            if kohya:
                key = f"lora_{prefix}_{name.replace('.', '_')}"
                found |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(1.0)}
            else:
                found |= {f"{prefix}.{name}.lora_A.weight": down, f"{prefix}.{name}.lora_B.weight": up}
    return {name: z.contiguous() for name, z in found.items()}


def asked(adapter: str, **more: Any) -> Any:
    noise: dict[str, Any] = {} if adapter == "flux" else {"spacing": "leading", "clip": False}
    return ask(adapter, "euler", 3, **more, **noise)


@pytest.mark.parametrize("adapter,kind,name,more", CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("scale", [0.0, 0.7])
def test_equals_the_library(adapter: str, kind: str, name: str, more: dict[str, Any], scale: float, tmp_path: Path) -> None:
    folder, file = folder_of(adapter), tmp_path / "layers.safetensors"
    net = loaded(adapter, folder)
    before = drawn(asked(adapter, **more), net)
    save_file(low_rank(getattr(net, name), name), file)
    changed = with_lora(net, file, scale)
    request = asked(adapter, **more)
    ours = drawn(request, changed)
    if not scale:                        # a copy lies elsewhere in memory than a file's map, and products are summed in another order
        assert float((ours - before).abs().max()) <= ROUNDING
        return
    assert float((ours - before).abs().max()) > 1e-3 and torch.equal(drawn(request, net), before)
    assert changed.vae is net.vae and getattr(changed, name) is not getattr(net, name)
    assert difference(ours, theirs(kind, folder, file, request, scale, more)) <= AMONG
    assert difference(ours, theirs(kind, folder, file, request, scale, more, fused=True)) <= ROUNDING


def theirs(kind: str, folder: Path, file: Path, request: Any, scale: float, more: dict[str, Any], fused: bool = False) -> Tensor:
    pipe = library(kind, folder)
    pipe.load_lora_weights(str(file), adapter_name="layers")
    if fused:
        pipe.fuse_lora(lora_scale=scale)
    else:
        pipe.set_adapters(["layers"], [scale])
    if "Flux" not in kind:
        from diffusers import EulerDiscreteScheduler
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading")
    size = {"width": 32, "height": 32} if more else {}
    return pipe(PROMPT, guidance_scale=1.0, num_inference_steps=3, **size, **seeded(request)).images


def test_kohya_s_layout_for_unet_and_text_encoder(tmp_path: Path) -> None:
    folder, file = folder_of("sd"), tmp_path / "layers.safetensors"
    net = loaded("sd", folder)
    layers = low_rank(net.unet, "unet", kohya=True)
    for kind in ("q_proj", "out_proj"):
        key = f"lora_te_text_model_encoder_layers_0_self_attn_{kind}"
        layers |= {f"{key}.lora_down.weight": torch.full((2, 32), 0.1), f"{key}.lora_up.weight": torch.full((32, 2), 0.1),
                   f"{key}.alpha": torch.tensor(2.0)}
    save_file(layers, file)
    request = asked("sd")
    changed = with_lora(net, file, 0.5)
    assert changed.text_encoder is not net.text_encoder
    assert difference(drawn(request, changed), theirs("StableDiffusionPipeline", folder, file, request, 0.5, {})) <= AMONG


@pytest.mark.parametrize("adapter,layers,told", [
    ("sd", {"other.lora_A.weight": torch.ones(2, 3)}, "does not fit"), ("sd", {"weights": torch.ones(3)}, "does not fit"),
    ("ddpm", {}, "takes no LoRA files")])
def test_what_does_not_fit(adapter: str, layers: dict[str, Tensor], told: str, tmp_path: Path) -> None:
    net: HubModel = loaded(adapter, folder_of(adapter))
    save_file(layers, tmp_path / "layers.safetensors")
    with pytest.raises(LoadError, match=told):
        with_lora(net, tmp_path / "layers.safetensors", 1.0)


def test_only_safetensors(tmp_path: Path) -> None:
    (tmp_path / "layers.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(LoadError, match="not a .safetensors file"):
        with_lora(loaded("sd", folder_of("sd")), tmp_path / "layers.bin", 1.0)
