"""A model whose parts take turns on a device: each call finds what it needs there, and nothing else is."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.hub.about import ADAPTERS
from pipelines.hub.load import COMPILE, drawing, load
from pipelines.hub.model import HubModel
from pipelines.hub.offload import ALL, NEEDS, held_bytes, in_turns, parts_of, too_large, without_encoders
from pipelines.protocol import NetKey, run_alone
from pipelines.registry import face
from pipelines.request import Request
from tests.weights import tiny_models

pytestmark = pytest.mark.slow


def drawn(net: HubModel, methods: object) -> torch.Tensor:
    options = face("diffusion").samplers["euler"].options(steps=3)
    request = Request("diffusion", "m", "euler", options, "a red cat", adapter="sd", seed=3, count=1)
    nets = {NetKey("w", method): getattr(methods, method) for method in ("encode", "predict", "decode")}
    with torch.inference_mode():
        return run_alone(net.drawing.start(request, "w", net, torch.device("cpu")), nets)


@pytest.mark.parametrize("leaving", [ALL, NEEDS["encode"]])
def test_parts_take_turns_and_the_picture_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaving: tuple[str, ...]) -> None:
    tiny_models.sd(tmp_path)
    net = load("sd", tmp_path, "cpu", torch.float32)
    expected, device = drawn(net, net), torch.device("cpu", 0)                # a name of its own for the same place
    there = {name: leaving != ALL for name in parts_of(net)}
    for name, part in parts_of(net).items():
        move = part.to
        monkeypatch.setattr(part, "to", lambda where, name=name, move=move: (there.__setitem__(name, where == device), move("cpu"))[1])
    turns, seen = in_turns(net, device, room=1e9) if leaving == ALL else without_encoders(net, device), []

    def watched(method: str, needed: tuple[str, ...]) -> None:
        called = getattr(net, method)

        def call(*arguments: object) -> object:
            here = {name for name in there if name.startswith(needed) or not name.startswith(leaving)}
            seen.append((method, {name for name, there_now in there.items() if there_now} == here))
            return called(*arguments)
        monkeypatch.setattr(net, method, call)

    for method in net.drawing.methods:
        watched(method, NEEDS[method])
    assert torch.equal(drawn(net, turns), expected) and "layer" not in turns.note
    assert [method for method, _ in seen] == ["encode", *["predict"] * 6, "decode"] and all(right for _, right in seen)


def test_a_model_without_text_encoders_keeps_all_it_has(tmp_path: Path) -> None:
    tiny_models.ddpm(tmp_path)
    assert without_encoders(load("ddpm", tmp_path, "cpu", torch.float32), torch.device("cpu")) is None


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_method_of_a_generative_network_finds_its_part(adapter: str) -> None:
    for method in drawing(adapter).methods:
        if method in ("predict", "logits", "read"):
            assert any(part.startswith(NEEDS.get(method, ALL)) for part in ADAPTERS[adapter].parts)


def test_what_is_too_large_even_alone_comes_layer_by_layer(tmp_path: Path) -> None:
    """On the device that they are offloaded to, where all but the moving can be seen: every layer is hooked, the picture the same."""
    tiny_models.sd(tmp_path)
    net = load("sd", tmp_path, "cpu", torch.float32)
    expected, unet = drawn(net, net), parts_of(net)["unet"]
    room = held_bytes(unet) - 1
    assert too_large(net, room + 1) == set() and too_large(net, room) == {"unet"}
    turns = in_turns(net, torch.device("cpu"), room)
    assert turns.layered == {"unet"} and "A layer at a time, which is slower still: unet." in turns.note
    hooked = [layer for layer in unet.modules() if "group_offloading" in getattr(getattr(layer, "_diffusers_hook", None), "hooks", {})]
    assert {id(layer) for layer in unet.modules() if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)} <= set(map(id, hooked))
    assert torch.equal(drawn(net, turns), expected)


def test_the_blocks_that_repeat_are_compiled_if_that_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else: the library's regional compilation, which this only asks for."""
    tiny_models.sd(tmp_path)
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *a, **k: compiled.append(type(self).__name__))
    load("sd", tmp_path, "cpu", torch.float32)
    assert not compiled
    monkeypatch.setenv(COMPILE, "1")
    load("sd", tmp_path, "cpu", torch.float32)
    assert set(compiled) == {"BasicTransformerBlock"}
