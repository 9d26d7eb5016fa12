"""Folders and files that must not be loaded: small models, each spoilt in one way. All carry a canary that leaves a mark if it is run.

`CASES` is name -> function that writes the model into a folder and returns the path that a user would choose.
"""
from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

Build = Callable[[Path, "Canary"], Path]
CASES: dict[str, Build] = {}
NETWORKS = {"sd": ("unet", "vae", "text_encoder"), "flux": ("transformer", "vae", "text_encoder", "text_encoder_2"), "ddpm": ("",),
            "own": ("",)}
CONFIGS = {"sd": ("model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json", "tokenizer/tokenizer_config.json",
                  "scheduler/scheduler_config.json"),
           "flux": ("transformer/config.json", "text_encoder_2/config.json", "tokenizer_2/tokenizer_config.json"),
           "ddpm": ("config.json", "scheduler_config.json"), "janus": ("config.json",), "own": ("config.json",)}


class Canary:
    """Code that leaves a mark in a folder of its own, as a Python file and as a pickle."""

    def __init__(self, cage: Path) -> None:
        self.mark = cage / "sang"
        self.code = f"open({str(self.mark)!r}, 'w').close()"

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)

    @property
    def pickled(self) -> bytes:
        return pickle.dumps(self)


def weights(tensors: dict[str, list[int]] | None = None) -> bytes:
    """A whole safetensors file of zeros."""
    header, end = {}, 0
    for name, shape in (tensors or {"w": [2]}).items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    return framed(json.dumps(header).encode(), bytes(end))


def framed(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def benign(kind: str) -> dict[str, Any]:
    """The files of a model that can be loaded, as far as can be told without loading it: tables are JSON."""
    clip = {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "num_hidden_layers": 2, "torch_dtype": "float16"}
    words = {"tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "special_tokens_map_file": "./x.json"},
             "vocab.json": {"a": 0}, "merges.txt": b"#version: 0.2\n", "special_tokens_map.json": {"bos_token": "a"}}
    if kind == "own":
        return {"config.json": {"sextant": {"family": "gan", "config": {"width": 8}, "title": "Mine"}}, "model.safetensors": weights()}
    if kind == "ddpm":
        return {"config.json": {"_class_name": "UNet2DModel", "layers_per_block": 2}, "diffusion_pytorch_model.safetensors": weights(),
                "scheduler_config.json": {"_class_name": "DDPMScheduler", "num_train_timesteps": 1000}}
    if kind == "janus":
        return {"config.json": {"architectures": ["JanusForConditionalGeneration"], "model_type": "janus",
                                "text_config": {"model_type": "llama"}, "vq_config": {"model_type": "janus_vqgan"}},
                "model.safetensors": weights(), "tokenizer.json": {"version": "1.0"}, "tokenizer_config.json": {}}
    sd = kind == "sd"
    net, scheduler = ("UNet2DConditionModel", "PNDMScheduler") if sd else ("FluxTransformer2DModel", "FlowMatchEulerDiscreteScheduler")
    parts = {"unet" if sd else "transformer": ["diffusers", net], "vae": ["diffusers", "AutoencoderKL"],
             "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
             "scheduler": ["diffusers", scheduler]}
    files: dict[str, Any] = {"scheduler/scheduler_config.json": {"_class_name": scheduler, "num_train_timesteps": 1000},
                             **{f"tokenizer/{name}": content for name, content in words.items()}}
    if not sd:
        parts |= {"text_encoder_2": ["transformers", "T5EncoderModel"], "tokenizer_2": ["transformers", "T5TokenizerFast"]}
        files |= {"tokenizer_2/tokenizer.json": {"version": "1.0"}, "tokenizer_2/tokenizer_config.json": {"tokenizer_class": "T5Tokenizer"}}
    for part in NETWORKS[kind]:
        library, name = parts[part]
        own = clip if name == "CLIPTextModel" else {"architectures": [name]} if library == "transformers" else {"_class_name": name}
        files |= {f"{part}/config.json": own, f"{part}/{base(library)}.safetensors": weights()}
    return {"model_index.json": {"_class_name": "StableDiffusionPipeline" if sd else "FluxPipeline", **parts}, **files}


def base(library: str) -> str:
    return "model" if library == "transformers" else "diffusion_pytorch_model"


def weights_of(kind: str, part: str) -> str:
    """The file of a part's weights."""
    library = "transformers" if part.startswith("text_encoder") or kind == "own" else "diffusers"
    return f"{part}/{base(library)}.safetensors".lstrip("/")


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def case(name: str, kind: str, spoil: Callable[[dict[str, Any], Canary], None]) -> None:
    """A model of a kind, its files changed by `spoil`, with canaries beside them."""
    def build(folder: Path, canary: Canary) -> Path:
        files = benign(kind)
        spoil(files, canary)
        code = f"{canary.code}\nclass Net: pass\n".encode()
        return write(folder, {**files, "evil.py": code, "unet/evil.py": code, "pipeline.py": code, "pytorch_model.bin": canary.pickled})
    assert name not in CASES, name
    CASES[name] = build


def put(place: str, content: Any, files: dict[str, Any], canary: Canary) -> None:
    """Replace a file, or merge a table into it; functions are given the canary."""
    content = content(canary) if callable(content) else content
    files[place] = {**files[place], **content} if isinstance(content, dict) and isinstance(files.get(place), dict) else content


def move(place: str, other: str, content: Any, files: dict[str, Any], canary: Canary) -> None:
    """Put something else under another name in place of a file."""
    del files[place]
    put(other, content, files, canary)


@lru_cache(maxsize=1)
def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(4):
            archive.writestr(f"data/{k}", bytes(4 * 2**20))
    return file.getvalue()


# What a configuration must not say, anywhere.
WORDS: dict[str, dict[str, Any]] = {
    "auto_map": {"auto_map": {"AutoModel": "evil.Net", "AutoConfig": "user/repo--evil.Config"}},
    "trust_remote_code": {"trust_remote_code": True},
    "custom_pipeline": {"custom_pipeline": "evil"},
    "nested auto_map": {"text_config": {"inner": [{"auto_map": {"AutoModel": "evil.Net"}}]}},
    "kernel": {"attn_implementation": "evil/kernel"},
    "nested class": {"sub_config": {"_class_name": ["evil", "Net"]}},
    "nested architecture": {"sub_config": {"deeper": {"architectures": ["EvilModel"]}}},
    "nested type": {"sub_config": {"model_type": "evil"}},
    "program": {"module": "evil.py"}}
BROKEN: dict[str, Any] = {
    "giant": b"{" + b" " * 2**23 + b"}", "deep": b'{"a":' * 5000, "nested": {"a": json.loads('{"a":' * 50 + "1" + "}" * 50)},
    "pickled": lambda canary: canary.pickled, "zipped": zip_bomb(), "a list": b"[1]", "a long number": b'{"a": ' + b"9" * 5000 + b"}"}
for kind, places in CONFIGS.items():
    for place in places:
        for word, table in WORDS.items():
            case(f"{kind}: {word} in {place}", kind, partial(put, place, table))
        for word, broken in BROKEN.items():
            case(f"{kind}: {place} is {word}", kind, partial(put, place, broken))

# Classes of the pipeline and of its parts.
for name in (["evil", "Pipe"], "EvilPipeline", "evil.Pipe", {"evil": 1}, None, 7, "StableDiffusionInpaintPipeline", "../evil"):
    case(f"pipeline {name}", "sd", partial(put, "model_index.json", {"_class_name": name}))
for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
    for pair in (["evil", "Net"], ["diffusers", "EvilModel"], ["transformers", "AutoModel"], ["os", "system"], ["diffusers", "a", "b"],
                 ["diffusers.utils", "export_to_video"], [None, None], [["evil"], "Net"], "evil.Net"):
        case(f"{part} {pair}", "sd", partial(put, "model_index.json", {part: pair}))
for part in ("safety_checker", "extra", "image_encoder"):
    case(f"more: {part}", "sd", partial(put, "model_index.json", {part: ["evil", "Net"]}))
for place, named in {"unet/config.json": {"_class_name": "EvilModel"}, "vae/config.json": {"_class_name": "VQModel"},
                     "scheduler/scheduler_config.json": {"_class_name": "evil.Scheduler"},
                     "text_encoder/config.json": {"architectures": ["EvilModel"]}}.items():
    case(f"class in {place}", "sd", partial(put, place, named))
for name in ("EvilModel", ["evil", "Net"], "diffusers.UNet2DModel"):
    case(f"root class {name}", "ddpm", partial(put, "config.json", {"_class_name": name}))
    case(f"root architecture {name}", "janus", partial(put, "config.json", {"architectures": [name]}))
for name in ("magic", ["gan"], None):
    case(f"own family {name}", "own", partial(put, "config.json", {"sextant": {"family": name, "config": {}}}))

# Settings that lead a library elsewhere, or that no machine can satisfy.
for key, value in {"transformers_weights": "../evil.safetensors", "quantization_config": {"quant_method": "evil"}, "use_kernels": True,
                   "num_hidden_layers": 10**9, "vocab_size": 10**12, "_attn_implementation": {"": "evil/kernel"}}.items():
    case(f"setting {key}", "sd", partial(put, "text_encoder/config.json", {key: value}))
for key, value in {"fast_tokenizer_files": ["../evil.json"], "vocab_file": "/etc/passwd", "init_inputs": ["evil"], "gguf_file": "evil.gguf",
                   "tokenizer_object": "evil", "tokenizer_class": "evil.Words", "vocab": "/etc/passwd"}.items():
    case(f"setting {key}", "sd", partial(put, "tokenizer/tokenizer_config.json", {key: value}))
case("setting num_train_timesteps", "sd", partial(put, "scheduler/scheduler_config.json", {"num_train_timesteps": 10**12}))

# Weights that are none.
BAD_WEIGHTS: dict[str, Any] = {
    "pickle": lambda canary: canary.pickled, "zip": zip_bomb(), "empty": b"", "pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "no tensors": framed(b"{}"), "giant header": struct.pack("<Q", 2**62) + bytes(64),
    "cut": weights()[:-1], "more": weights() + b"\0", "deep header": framed(b'{"a":' * 9000),
    "overlap": framed(b'{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}}',
                      bytes(6)),
    "pickle behind a header": lambda canary: framed(b'{"w":{"dtype":"OBJ","shape":[1],"data_offsets":[0,9]}}', canary.pickled)}
for kind, parts in NETWORKS.items():
    for part in parts:
        place = weights_of(kind, part)
        for word, content in BAD_WEIGHTS.items():
            if word in ("pickle", "zip") or kind == "sd":
                case(f"{kind}: {place} is {word}", kind, partial(put, place, content))
        for suffix in ("bin", "ckpt", "pt", "pth", "pkl"):
            other = place.replace("safetensors", suffix)
            case(f"{kind}: {place} as .{suffix}", kind, partial(move, place, other, lambda canary: canary.pickled))
for part in NETWORKS["sd"]:                                   # beside a good copy that would be taken first
    place = weights_of("sd", part)
    for suffix in ("fp16", "bf16"):
        case(f"{suffix} copy of {place}", "sd", partial(put, place.replace(".s", f".{suffix}.s"), lambda canary: canary.pickled))
    case(f"shards beside {place}", "sd", partial(put, f"{place}.index.fp16.json", {"weight_map": {"w": "../../evil.safetensors"}}))
for place, broken in {"tokenizer/vocab.json": zip_bomb(), "tokenizer/merges.txt": zip_bomb(), "tokenizer/tokenizer.json": b"[" * 9000,
                      "unet/adapter_config.json": b'{"base_model_name_or_path": "evil/model"}'}.items():
    case(f"sd: {place}", "sd", partial(put, place, broken))

# Shards that are not beside their index.
def emptied(place: str, files: dict[str, Any], canary: Canary) -> None:
    """An index whose one shard is there and lacks the tensor that it should hold."""
    move(place, f"{place}.index.json", {"weight_map": {"absent": "a.safetensors"}}, files, canary)
    files[f"{place.rpartition('/')[0]}/a.safetensors"] = weights()


for part in ("unet", "text_encoder"):
    place = weights_of("sd", part)
    for shard in ("../../evil.safetensors", "/etc/evil.safetensors", "C:\\evil.safetensors", "..\\evil.safetensors", "a/../b.safetensors",
                  "evil.bin", "evil\0.safetensors", "x" * 300 + ".safetensors", "absent.safetensors", "", "..", 7, ["evil"]):
        case(f"shard {ascii(shard)[:30]} of {part}", "sd", partial(move, place, f"{place}.index.json", {"weight_map": {"w": shard}}))
    case(f"{part} without shards", "sd", partial(move, place, f"{place}.index.json", {"weight_map": {}}))
    case(f"{part}'s shard lacks a tensor", "sd", partial(emptied, place))

# Names of files.
for bad in ("unet/a\\..\\b", "a\nb", "a\u202egpj.exe", b"\xff\xfe".decode("utf-8", "surrogateescape")):
    case(f"name {ascii(bad)[:30]}", "sd", partial(put, bad, b""))


# Links and things that are no files.
def linked(place: str, target: str, folder: Path, canary: Canary) -> Path:
    """A link in place of a file or folder; what it leads to would do as well."""
    outside = write(folder.parent / "outside", {**benign("sd"), "evil.py": canary.code.encode()})
    write(folder, {name: content for name, content in benign("sd").items() if not name.startswith(place)})
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).symlink_to(target.format(outside=outside))
    return folder


def special(place: str, folder: Path, canary: Canary) -> Path:
    write(folder, benign("sd"))
    (folder / place).unlink()
    os.mkfifo(folder / place)
    return folder


for place in (*CONFIGS["sd"], "unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json", "tokenizer/merges.txt", "unet", "vae"):
    CASES[f"link {place} outside"] = partial(linked, place, "{outside}/" + place)
    CASES[f"link {place} nowhere"] = partial(linked, place, "nowhere")
    CASES[f"link {place} in a circle"] = partial(linked, place, place.rpartition("/")[2])
for target in ("/dev/zero", "/etc/passwd", "../../outside/unet/config.json", "/proc/self/environ", "/"):
    CASES[f"link to {target}"] = partial(linked, "unet/config.json", target)
for place in ("model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"):
    CASES[f"fifo {place}"] = partial(special, place)


# A single file.
def single(name: str, content: Any, folder: Path, canary: Canary) -> Path:
    write(folder, {"evil.py": canary.code.encode(), name: content(canary) if callable(content) else content})
    return folder / name


SD = {"model.diffusion_model.input_blocks.0.0.weight": [4, 4, 3, 3], "model.diffusion_model.input_blocks.1.0.in_layers.0.weight": [4],
      "first_stage_model.decoder.conv_in.weight": [4, 4, 3, 3],
      "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": [9, 4]}
SDXL = {**{name: shape for name, shape in SD.items() if not name.startswith("cond_")}, "model.diffusion_model.label_emb.0.0.weight": [4, 4],
        "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": [9, 4],
        "conditioner.embedders.1.model.token_embedding.weight": [9, 4]}
FLUX = {"double_blocks.0.img_attn.qkv.weight": [12, 4], "img_in.weight": [4, 64], "vector_in.in_layer.weight": [4, 4]}
for suffix in ("ckpt", "bin", "pt", "pth", "pkl", "safetensors"):
    CASES[f"single pickle .{suffix}"] = partial(single, f"model.{suffix}", lambda canary: canary.pickled)
for suffix in ("zip", "tar.gz", "7z", "safetensors", "dduf", "gguf", "onnx", "py"):
    CASES[f"single archive .{suffix}"] = partial(single, f"model.{suffix}", zip_bomb())
for word, tensors in {
        "LoRA": {"lora_unet_down_blocks.lora_up.weight": [4, 4]}, "unknown": {"layers.0.weight": [4]},
        "UNet alone": dict(list(SD.items())[:2]),
        "inpainting": {**SD, "model.diffusion_model.input_blocks.0.0.weight": [4, 9, 3, 3]},
        "refiner": {name: shape for name, shape in SDXL.items() if "embedders.1" not in name},
        "editing": {**FLUX, "img_in.weight": [4, 384]},
        "flat": {**SD, "model.diffusion_model.input_blocks.0.0.weight": [4]}}.items():
    CASES[f"single {word}"] = partial(single, "model.safetensors", weights(tensors))
for word, content in {**BAD_WEIGHTS, "long header": framed(b" " * (17 * 2**20))}.items():
    CASES[f"single {word} weights"] = partial(single, "evil.safetensors", content)
