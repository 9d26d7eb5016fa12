"""What is loaded at all: hostile models are refused with a sentence and nothing of them is run; real ones are told by what they need."""
from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.hub.about import ADAPTERS
from tests.weights import tiny_models
from tests.weights.check import hostile
from tests.weights.check.hostile import CASES, FLUX, SD, SDXL, Canary, benign, weights, write
from weights.check.preflight import Plan, inspected, planned
from weights.check.verify import WeightsError
from weights.local import add, linked


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Attempts to reach another machine, which fail."""
    tried: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network in this test")
    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def assert_sentence(error: WeightsError) -> None:
    text = str(error)
    assert text.isprintable() and text.endswith(".") and 40 < len(text) < 600, text
    assert "; " in text, f"it should say what to do: {text}"


# ---------------------------------------------------------------------- hostile ones

@pytest.mark.parametrize("name", CASES)
def test_hostile_models_are_refused_and_never_run(name: str, tmp_path: Path, no_network: list[Any]) -> None:
    canary, folder = Canary(tmp_path), tmp_path / "a" / "model"
    folder.mkdir(parents=True)
    path = CASES[name](folder, canary)
    with pytest.raises(WeightsError) as refusal:
        inspected(path)
    assert_sentence(refusal.value)
    with pytest.raises(WeightsError):
        add(tmp_path / "models", path)
    assert not linked(tmp_path / "models") and not canary.mark.exists() and "evil" not in sys.modules and not no_network


@pytest.mark.slow
def test_there_are_many_different_hostile_models_and_none_takes_long(tmp_path: Path) -> None:
    """To look at all of them takes about as long as to write them."""
    seen, paths, begin = set(), [], time.monotonic()
    for k, build in enumerate(CASES.values()):
        folder = tmp_path / str(k) / "model"
        folder.mkdir(parents=True)
        paths.append(build(folder, Canary(tmp_path)))
        found = sorted((str(path.relative_to(folder)), _content(path)) for path in folder.rglob("*"))
        seen.add(hashlib.sha256(repr(found).encode("utf-8", "surrogateescape")).digest())
    assert len(seen) == len(CASES) >= 150
    writing, start = time.monotonic() - begin, time.monotonic()
    for path in paths:
        with pytest.raises(WeightsError):
            inspected(path)
    assert time.monotonic() - start < 10 * writing and not Canary(tmp_path).mark.exists()


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder" if path.is_dir() else "pipe"


def test_the_canary_can_sing(tmp_path: Path) -> None:
    canary = Canary(tmp_path)
    for run in (lambda: pickle.Unpickler(io.BytesIO(canary.pickled)).load(), lambda: exec(canary.code)):
        run()
        assert canary.mark.exists()
        canary.mark.unlink()


@pytest.mark.parametrize("kind", ["sd", "flux", "ddpm", "janus", "own"])
def test_unspoilt_they_are_accepted(kind: str, tmp_path: Path) -> None:
    plan = inspected(write(tmp_path, benign(kind)))
    assert (plan.adapter, plan.parameters) == (kind, 2 * len(hostile.NETWORKS.get(kind, ("",)))) and plan.dtype == "fp16"
    assert plan.family == ("gan" if kind == "own" else ADAPTERS[kind].family)


@pytest.mark.parametrize("name", [
    "../a", "a/../../b", "/etc/a", "C:/a", "c:a", "\\\\host\\a", "a\\b", "a\0b", "a\n", "", "a//b", "a/", "./a", "x" * 300, "a/" * 40 + "b",
    "\u202ea", "\ud800", 7])
def test_names_that_lead_elsewhere_are_refused(name: Any) -> None:
    with pytest.raises(WeightsError, match="could lead out"):
        _planned({**benign("sd"), name: b""})


def test_what_published_configurations_say_is_accepted() -> None:
    """Encoders saved from a whole language model, its cache, large values of positions, tokens with the names of settings."""
    qwen = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "max_window_layers": 36, "rope_theta": 1000000,
            "vocab_size": 151936, "cache_implementation": "hybrid", "_attn_implementation_autoset": True, "quantization_config": None,
            "auto_map": {}}
    files: dict[str, Any] = {
        "model_index.json": {"_class_name": "ZImagePipeline", "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
                             "text_encoder": ["transformers", "Qwen3Model"], "tokenizer": ["transformers", "Qwen2Tokenizer"],
                             "transformer": ["diffusers", "ZImageTransformer2DModel"], "vae": ["diffusers", "AutoencoderKL"]},
        "scheduler/scheduler_config.json": {"_class_name": "FlowMatchEulerDiscreteScheduler", "lambda_min_clipped": float("-inf")},
        "text_encoder/config.json": qwen, "text_encoder/model.safetensors": b"", "vae/diffusion_pytorch_model.safetensors": b"",
        "tokenizer/tokenizer_config.json": {"model_max_length": 10**30, "tokenizer_class": "Qwen2Tokenizer", "processor_class": "X"},
        "tokenizer/vocab.json": b"", "tokenizer/merges.txt": b"", "vae/config.json": {"_class_name": "AutoencoderKL"},
        "transformer/config.json": {"_class_name": "ZImageTransformer2DModel", "_name_or_path": "../a"},
        "transformer/diffusion_pytorch_model.safetensors.index.json": {"metadata": {"total_size": 10**12},
                                                                       "weight_map": {"w": "a.safetensors"}},
        "transformer/a.safetensors": b""}
    assert _planned(files).adapter == "zimage"
    words = {"auto_map": 1, "_file": 2, "vocab": 3, "a.py": 4}
    janus = benign("janus")
    janus["config.json"]["text_config"]["vocabulary_map"] = words
    assert _planned(janus).adapter == "janus"


def test_plain_names_in_any_script_are_accepted() -> None:
    assert _planned({**benign("sd"), "bilder/Größe 1\u202fPM.png": b"", "\u4f8b\u3000" * 30 + ".png": b""}).adapter == "sd"


# ---------------------------------------------------------------------- any names, any JSON

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) |
                    st.sampled_from(["diffusers", "AutoencoderKL", "UNet2DModel", "own", "gan", "model.safetensors", "evil.py"]),
                    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(
                        st.text(max_size=5) | st.sampled_from(["_class_name", "architectures", "weight_map", "sextant", "unet", "vae"]),
                        deeper, max_size=3), max_leaves=8)


def _planned(files: dict[Any, Any]) -> Plan:
    listing = {name: len(content) if isinstance(content, bytes) else len(json.dumps(content)) for name, content in files.items()}
    return planned(listing, lambda name: files[name] if isinstance(files[name], bytes) else json.dumps(files[name]).encode())


def _only_a_plan_or_a_sentence(files: dict[str, Any]) -> None:
    try:
        plan = _planned(files)
    except WeightsError as error:
        assert_sentence(error)
    else:
        assert set(plan.files) <= set(files) and len(set(plan.files)) == len(plan.files)
        assert all(name.endswith((".json", ".safetensors", ".txt")) for name in plan.files)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text() | st.sampled_from(["model_index.json", "config.json", "model.safetensors", "unet/config.json", "../a"]),
                       st.binary(max_size=40) | JSON, max_size=6))
def test_any_listing_is_a_plan_or_a_sentence(files: dict[str, Any]) -> None:
    _only_a_plan_or_a_sentence(files)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(["sd", "flux", "ddpm", "janus", "own"]), JSON)
def test_any_change_is_a_plan_or_a_sentence(data: st.DataObject, kind: str, value: Any) -> None:
    files = benign(kind)
    place = data.draw(st.sampled_from([name for name, content in files.items() if isinstance(content, dict)]))
    keys = st.sampled_from([*files[place], "auto_map", "_class_name", "sextant"])
    files[place] = data.draw(st.just(value) | keys.map(lambda key: {**files[place], key: value}))
    _only_a_plan_or_a_sentence(files)


# ---------------------------------------------------------------------- real ones

def _alone(folder: Path, plan: Plan) -> Path:
    """A new folder with what the plan names and nothing else."""
    other = folder.with_name(f"{folder.name}-alone")
    for name in plan.files:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, other / name)
    assert sum(path.stat().st_size for path in other.rglob("*") if path.is_file()) == plan.bytes
    return other


def _loads(pipe: Any, folder: Path, plan: Plan, variant: str | None = None, **missing: None) -> None:
    """The plan's files suffice for the library's own class, which gets the same weights from them."""
    again = type(pipe).from_pretrained(_alone(folder, plan), local_files_only=True, use_safetensors=True, variant=variant, **missing)
    count = 0
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            there = getattr(again, name).state_dict()
            count += sum(z.numel() for z in part.parameters())
            assert all(torch.equal(z.float(), there[key].float()) for key, z in part.state_dict().items())
    assert plan.parameters is not None and 0.95 < count / plan.parameters < 1.01        # positions are stored too


@pytest.mark.parametrize("name", ["sd", "sdxl", "sd3", "flux", "dit", "ddpm", "ldm", "ncsnpp"])
def test_what_is_planned_suffices(name: str, tmp_path: Path, no_network: list[Any]) -> None:
    pipe = getattr(tiny_models, name)(tmp_path / name)
    (tmp_path / name / "README.md").write_text("# A card", encoding="utf-8")
    plan = inspected(tmp_path / name)
    assert (plan.adapter, plan.family, plan.dtype) == (name, ADAPTERS[name].family, "fp32") and "README.md" not in plan.files
    _loads(pipe, tmp_path / name, plan)
    assert not no_network


@pytest.mark.parametrize("name", ["sdxl", "flux"])
def test_one_copy_is_taken_of_variants_and_shards(name: str, tmp_path: Path) -> None:
    """The published models have several of them: whole and half precision, in one file and in shards."""
    folder = tmp_path / name
    pipe = getattr(tiny_models, name)(folder)
    pipe.to(torch.float16)
    tiny_models.saved(pipe, folder, variant="fp16", max_shard_size="100KB")
    plan = inspected(folder)
    assert plan.dtype == "fp16" and all(".fp16" in file for file in plan.files if ".safetensors" in file)
    assert any("-of-" in file for file in plan.files)
    _loads(pipe, folder, plan, "fp16")
    full = inspected(folder, prefer="fp32")
    assert full.dtype == "fp32" and not any("fp16" in file for file in full.files)
    assert full.weights_bytes > 1.9 * plan.weights_bytes and full.parameters == plan.parameters


def test_shards_of_full_precision(tmp_path: Path) -> None:
    pipe = tiny_models.sd3(tmp_path / "a", t5=False)
    for path in (tmp_path / "a").rglob("*.safetensors"):
        path.unlink()
    tiny_models.saved(pipe, tmp_path / "a", max_shard_size="100KB")
    plan = inspected(tmp_path / "a")
    assert not any("_3/" in file for file in plan.files) and sum(".index." in file for file in plan.files) >= 3
    _loads(pipe, tmp_path / "a", plan, text_encoder_3=None, tokenizer_3=None)


@pytest.mark.parametrize("name", ["ddpm", "ncsnpp"])
def test_the_first_repositories_have_everything_in_the_root(name: str, tmp_path: Path) -> None:
    pipe = getattr(tiny_models, name)(tmp_path / name)
    plan = inspected(tiny_models.flattened(tmp_path / name))
    assert plan.adapter == name and not any("/" in file for file in plan.files)
    _loads(pipe, tmp_path / name, plan)


def test_parts_that_are_never_read_are_left_out(tmp_path: Path) -> None:
    pipe = tiny_models.sd(tmp_path / "a")
    index = json.loads((tmp_path / "a/model_index.json").read_text(encoding="utf-8"))
    write(tmp_path / "a", {"model_index.json": {**index, "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]},
                           "safety_checker/config.json": b"anything", "safety_checker/pytorch_model.bin": b"anything",
                           "unet/diffusion_pytorch_model.bin": b"anything", "v1-5.ckpt": b"anything"})
    plan = inspected(tmp_path / "a")
    assert not any(file.startswith("safety_checker") or file.endswith((".bin", ".ckpt")) for file in plan.files)
    _loads(pipe, tmp_path / "a", plan, safety_checker=None, feature_extractor=None)


def test_before_a_download_names_and_configurations_tell(tmp_path: Path) -> None:
    """What no header says yet is told by the variant and the configurations, or not at all."""
    pipe: Any = tiny_models.sd(tmp_path / "a")
    tiny_models.saved(pipe.to(torch.float16), tmp_path / "a", variant="fp16")
    files = {path.relative_to(tmp_path / "a").as_posix(): path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    plan, real = _planned(files), inspected(tmp_path / "a")
    assert plan.files == real.files and plan.bytes == real.bytes and plan.dtype == "fp16"
    assert plan.parameters is not None and abs(plan.parameters / (real.parameters or 0) - 1) < 0.1
    assert _planned(benign("ddpm")).parameters is None


def test_pickles_are_refused_with_what_to_do() -> None:
    files = benign("sd")
    del files["unet/diffusion_pytorch_model.safetensors"]
    files["unet/diffusion_pytorch_model.bin"] = b""
    with pytest.raises(WeightsError, match=r"pickles \('unet/diffusion_pytorch_model.bin'\).*refs/pr/N"):
        _planned(files)
    with pytest.raises(WeightsError, match=r"pickles.* it has 'v1-5.safetensors'"):
        _planned({**files, "v1-5.safetensors": b""})
    with pytest.raises(WeightsError, match="archive"):
        _planned({"model.zip": b""})


def test_a_snapshot_of_the_cache_of_the_hub_client(tmp_path: Path) -> None:
    """It consists of links out of its folder, to the blobs beside it, and to nowhere else."""
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("0" * 40)
    write(tmp_path / "models--a--b" / "blobs", {name.replace("/", "-"): content for name, content in benign("sd").items()})
    for name in benign("sd"):
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(tmp_path / "models--a--b" / "blobs" / name.replace("/", "-"))
    assert inspected(snapshot).adapter == "sd"
    (snapshot / "more").symlink_to(tmp_path)
    with pytest.raises(WeightsError, match="leads out"):
        inspected(snapshot)


@pytest.mark.parametrize(("tensors", "adapter", "missing"), [
    (SD, "sd", ("tokenizer", "scheduler")),
    ({name.replace("transformer.text_model.embeddings.", "model."): shape for name, shape in SD.items()}, "sd", ("tokenizer", "scheduler")),
    (SDXL, "sdxl", ("tokenizer", "tokenizer_2", "scheduler")),
    (FLUX, "flux", ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")),
    ({f"model.diffusion_model.{name}": shape for name, shape in FLUX.items()}, "flux",
     ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"))])
def test_single_files_are_recognised_by_their_tensors(tmp_path: Path, tensors: dict[str, list[int]], adapter: str,
                                                      missing: tuple[str, ...]) -> None:
    plan = inspected(write(tmp_path, {"my model.safetensors": weights(tensors)}) / "my model.safetensors")
    assert (plan.adapter, plan.missing, plan.files, plan.dtype) == (adapter, missing, ("my model.safetensors",), "fp16")


@pytest.mark.parametrize("mark", ["double_blocks.0.img_attn.qkv.scale_weight", "scaled_fp8", "img_in.weight.quant_state.bitsandbytes__nf4"])
def test_quantised_files_are_refused_as_such(tmp_path: Path, mark: str) -> None:
    file = write(tmp_path, {"flux.safetensors": weights(FLUX | {mark: [1]})}) / "flux.safetensors"
    with pytest.raises(WeightsError, match="cannot be loaded because its weights are quantised"):
        inspected(file)


def test_it_is_told_without_torch(tmp_path: Path) -> None:
    import subprocess
    code = "import sys, weights.check.preflight; print('torch' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout == "False\n"
