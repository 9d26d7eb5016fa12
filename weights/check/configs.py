"""Names of files and the small JSON files of a model, judged: nothing in them may lead elsewhere or name code."""
from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any
from unicodedata import category

from pipelines.hub.about import ADAPTERS
from weights.check.reading import short
from weights.check.verify import WeightsError

MAX_JSON = 8 * 2**20               # bytes of a configuration; the largest that is known names 184,000 tokens (Emu3)
MAX_DEPTH = 24
MAX_NAME = 255                     # bytes of one name in a path
MAX_FOLDERS = 24
MAX_NUMBER = {"layers": 1_000, "timesteps": 100_000, "embeddings": 10_000_000, "_size": 10_000_000}    # by what the key contains

# What makes a library import, fetch or replace something when it stands in a configuration.
_CODE = {"auto_map", "trust_remote_code", "custom_pipeline", "custom_pipelines", "custom_generate", "use_kernels",
         "kernel_config"}
_ELSEWHERE = {"transformers_weights", "fast_tokenizer_files", "gguf_file", "tokenizer_object", "vocab", "merges", "init_inputs"}
_ATTENTION = {None, True, False, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"}
_CLASSES = ("_class_name", "architectures")
_WORDS = "vocabulary_map"          # any words of a language may be keys there
KNOWN_CLASSES = frozenset(name.rpartition(".")[2] for info in ADAPTERS.values() for classes in info.parts.values() for name in classes)
# Which networks of transformers a table inside a configuration may ask for, where the library chooses the class by it.
MODEL_TYPES = frozenset((
    "clip", "clip_text_model", "clip_vision_model", "t5", "umt5", "imagegpt", "janus", "janus_vision_model", "janus_vqgan", "llama",
    "emu3", "emu3_text_model", "emu3_vqgan", "gemma", "gemma2", "qwen2", "qwen3"))


def check_name(name: Any) -> None:
    """Raises WeightsError for a path that is not plainly inside its folder, on any system."""
    parts = name.split("/") if isinstance(name, str) else []
    if not parts or "\\" in name or re.match(r"[A-Za-z]:", name) or len(parts) > MAX_FOLDERS \
            or any(not letter.isprintable() and category(letter) != "Zs" for letter in name) \
            or any(part in ("", ".", "..") or len(part.encode()) > MAX_NAME for part in parts):
        raise WeightsError(f"The file name {short(name)} could lead out of the model's folder, so nothing of this model is loaded; "
                           "use a model whose files have plain names.")


def check_size(name: str, size: int, limit: int = MAX_JSON) -> None:
    """Raises WeightsError for a configuration or vocabulary that is larger than any is."""
    if size > limit:
        raise WeightsError(f"{short(name)} has more than {limit // 2**20} MiB, which no such file needs; use another copy of this model.")


def parsed(name: str, data: bytes, limit: int = MAX_JSON) -> dict[str, Any]:
    """The table in a JSON file. Raises WeightsError if it is too large, or something else."""
    check_size(name, len(data), limit)
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{short(name)} is not JSON as it should be; fetch it again, or use another copy of this model.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{short(name)} is not a table of settings; fetch it again, or use another copy of this model.")
    return content


def judge(name: str, content: dict[str, Any], classes: Collection[str]) -> None:
    """Raises WeightsError for a configuration that names code, files elsewhere, or classes that are not on the list.

    `classes` are those that the file itself may be of; tables inside it may be of any class on the list.
    """
    for depth, key, value in _walk(content):
        if depth > MAX_DEPTH:
            why: str | None = f"has tables more than {MAX_DEPTH} deep in each other"
        else:
            why = _objection(key, value, classes if depth == 1 else KNOWN_CLASSES)
        if why:
            raise WeightsError(f"{short(name)} {why}, so this model is not loaded; use one whose files hold weights and settings alone.")


def _objection(key: str, value: Any, classes: Collection[str]) -> str | None:
    """What is wrong with one setting, at any depth, or None."""
    if key in _CODE and value:
        return f"wants code of its own to be run ({key})"
    if key in _ELSEWHERE and value or key.endswith("_file") and key != "special_tokens_map_file" and value:
        return f"says itself what is to be read ({key})"
    if key == "quantization_config" and value:
        return "describes quantised weights, which cannot be used here"
    if key.endswith(("attn_implementation", "experts_implementation")) and (isinstance(value, (dict, list)) or value not in _ATTENTION):
        return f"names a kernel to be fetched ({key}: {short(value)})"
    if isinstance(value, str) and value.lower().endswith((".py", ".pyc", ".so", ".dll")):
        return f"names a program ({short(value)})"
    if key == "tokenizer_class" and value is not None and not (isinstance(value, str) and re.fullmatch(r"\w*Tokenizer\w*", value)):
        return f"names the class {short(value)}, which is no tokenizer"
    if key in (*_CLASSES, "model_type") and value is not None:
        possible = MODEL_TYPES if key == "model_type" else classes
        for found in value if isinstance(value, list) else [value]:
            if not isinstance(found, str) or found not in possible:
                known = f" ({' or '.join(sorted(possible))})" if len(possible) < 4 else ""
                return f"names the class {short(found)}, which is not one that can be loaded here{known}"
    if isinstance(value, int) and key != "total_size":          # of an index of shards, in bytes
        limit = next((limit for word, limit in MAX_NUMBER.items() if word in key), None)
        if limit is not None and abs(value) > limit:
            return f"asks for {key} = {short(value)}, where at most {limit:,} is possible"
    return None


def _walk(content: dict[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """(depth, key, value) of all that stands in tables and lists, values of a list under the list's key."""
    waiting: list[tuple[int, str, Any]] = [(1, key, value) for key, value in content.items()]
    while waiting:
        depth, key, value = waiting.pop()
        yield depth, key, value
        if depth <= MAX_DEPTH:
            if isinstance(value, dict) and key != _WORDS:
                waiting += [(depth + 1, inner, deeper) for inner, deeper in value.items()]
            elif isinstance(value, list):
                waiting += [(depth + 1, key, deeper) for deeper in value if key not in _CLASSES]
