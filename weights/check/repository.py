"""Whether a model will load, which of its files that takes, and what it is: judged by the names and sizes of its files and the small
JSON files among them, so before it is downloaded."""
from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines import registry
from pipelines.hub.about import ADAPTERS, AdapterInfo
from weights.check.configs import check_name, check_size, judge, parsed, short
from weights.check.verify import WeightsError

MAX_VOCABULARY = 64 * 2**20        # bytes of a tokenizer's file
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".dduf")
TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.json")
_DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
_SIZES = {"fp16": 2, "bf16": 2, "fp32": 4}
_INDEX = "model_index.json"
ROOTS = frozenset((_INDEX, "config.json"))         # a model has one of them


@dataclass(frozen=True)
class Plan:
    """What is to be loaded of a model. `missing` are the adapter's parts that a single file does not hold."""
    adapter: str                   # of pipelines.hub.about, or "own": weights that `launch.py train` wrote
    family: str
    title: str
    files: tuple[str, ...]         # what is to be loaded, so downloaded; with slashes, relative
    bytes: int
    weights_bytes: int
    dtype: str                     # fp16, bf16, fp32 or mixed
    parameters: int | None         # None where file names and configurations do not tell
    missing: tuple[str, ...] = ()


def planned(listing: Mapping[str, int], read: Callable[[str], bytes], prefer: str = "fp16") -> Plan:
    """The plan for a repository, from the names and sizes of its files and what `read` gives of the small ones.

    `prefer` is the variant that is taken where there are several copies ("fp16", "bf16", or "fp32" for the full one).
    Raises WeightsError with one sentence if the model cannot be loaded.
    """
    for name, size in listing.items():
        check_name(name)
        if not isinstance(size, int) or size < 0:
            raise WeightsError(f"The size of {short(name)} is not known, so this model cannot be checked; try again later.")
    return _Repository(listing, read, prefer).plan()


class _Repository:
    """A listing with what can be read of it, while its plan is made."""

    def __init__(self, listing: Mapping[str, int], read: Callable[[str], bytes], prefer: str) -> None:
        self.listing, self.read, self.prefer = listing, read, prefer
        self.files: list[str] = []
        self.dtypes: list[tuple[int, str | None]] = []         # (bytes, what they hold if it is known) of each part

    def plan(self) -> Plan:
        if _INDEX in self.listing:
            return self._pipeline()
        if "config.json" not in self.listing:
            raise self._no_weights("", f"has neither a {_INDEX} nor a config.json, so what it is cannot be told")
        config = self._json("config.json")
        own = config.get("sextant")
        return self._own(own, config) if isinstance(own, dict) else self._network(config)

    def _pipeline(self) -> Plan:
        """A folder for each part, named in the index; the first repositories have all parts in the root."""
        index = self._json(_INDEX)
        info = _adapter(index.get("_class_name"), _INDEX)
        judge(_INDEX, index, info.made_by)
        named = {part: _pair(part, value) for part, value in index.items() if isinstance(value, (list, tuple))}
        flat = not any(name.partition("/")[0] in info.parts for name in self.listing if "/" in name)
        for part, (library, name) in named.items():
            if part in info.ignored and library not in (None, "diffusers", "transformers", "stable_diffusion") or \
                    part not in info.ignored and part not in info.parts and name is not None:
                raise _foreign(part, f"{library}.{name}", info.parts)
        for part, classes in info.parts.items():
            library, name = named.get(part, (None, None))
            there = flat or any(file.startswith(f"{part}/") for file in self.listing)
            if part in info.optional and not (name and there):
                continue
            if not name or not there:
                raise WeightsError(f"This model lacks its {part}, without which a {index['_class_name']} cannot be loaded; fetch it "
                                   "again completely, or choose another one.")
            if f"{library}.{name}" not in classes:
                raise _foreign(part, f"{library}.{name}", classes)
            self._part("" if flat else f"{part}/", f"{library}.{name}", classes)
        return self._plan(info.name, info.family, info.title)

    def _network(self, config: dict[str, Any]) -> Plan:
        """One network with its configuration in the root."""
        made_by = config.get("_class_name", config.get("architectures"))
        if "_class_name" not in config and isinstance(made_by, list) and made_by:
            made_by = made_by[0]
        info = _adapter(made_by, "config.json")
        for part, classes in info.parts.items():
            name = next((name for name in classes if name.rpartition(".")[2] == made_by), classes[0])
            if part not in info.optional or _main_file(name) in self.listing:
                self._part("", name, classes)
        return self._plan(info.name, info.family, info.title)

    def _own(self, own: dict[str, Any], config: dict[str, Any]) -> Plan:
        judge("config.json", config, ())
        family, title = own.get("family"), own.get("title")
        if family not in registry.NAMES or not isinstance(own.get("config"), dict):
            raise WeightsError(f"config.json describes no network of this program (family {short(family)}); there are "
                               f"{', '.join(registry.NAMES)}, so use a model that the command `models push` wrote.")
        self._weights("", "model", None)
        return self._plan("own", family, title[:120] if isinstance(title, str) and title else f"A model of the family {family}")

    def _part(self, folder: str, name: str, classes: Collection[str]) -> None:
        """One part of a class that is on the list: adds its files. Raises WeightsError."""
        library, _, own = name.partition(".")
        allowed = {found.rpartition(".")[2] for found in classes}
        allowed |= {found.removesuffix("Model") + "ForCausalLM" for found in allowed if found.endswith("Model")}   # as encoders are saved
        if "Tokenizer" in own:
            return self._tokenizer(folder, own, allowed)
        config = self._json(folder + _main_file(own), allowed)
        if _main_file(own) == "config.json":
            dtype = config.get("dtype", config.get("torch_dtype"))
            self._weights(folder, "model" if library == "transformers" else "diffusion_pytorch_model",
                          _DTYPES.get(dtype) if isinstance(dtype, str) else None)

    def _tokenizer(self, folder: str, own: str, allowed: Collection[str]) -> None:
        there = [name for name in TOKENIZER if folder + name in self.listing]
        if "tokenizer.json" not in there and not (own.startswith(("CLIP", "Qwen2")) and {"vocab.json", "merges.txt"} <= set(there)):
            raise WeightsError(f"The {own} in {short(folder)} has no tokenizer.json, the only form of it that can be read here; use a copy "
                               "of this model that has one.")
        for name in there:
            check_size(folder + name, self.listing[folder + name], MAX_VOCABULARY)
            if name == "tokenizer_config.json":
                self._json(folder + name, allowed)
            else:
                self.files.append(folder + name)

    def _weights(self, folder: str, base: str, dtype: str | None) -> None:
        """Adds one copy of a part's weights: a file, or an index and its shards."""
        if f"{folder}adapter_config.json" in self.listing:     # transformers would load the base model that it names
            raise WeightsError(f"{short(folder + 'adapter_config.json')} makes this a PEFT adapter and not a whole model; use the model "
                               "that it was made for.")
        form = re.compile(rf"{re.escape(folder)}{base}(?:\.(\w+))?\.safetensors|"
                          rf"{re.escape(folder)}{base}\.safetensors\.index(?:\.(\w+))?\.json")
        copies: dict[str | None, list[str]] = {}
        for name in sorted(self.listing):
            found = form.fullmatch(name)
            if found:
                copies.setdefault(found[1] or found[2], []).append(name)
        if not copies:
            raise self._no_weights(folder, f"has no weights {folder}{base}.safetensors")
        wanted = [None if self.prefer == "fp32" else self.prefer, None, *sorted(name for name in copies if name)]
        variant = next(name for name in wanted if name in copies)
        # Of a file and an index beside it, each library takes another one.
        name = sorted(copies[variant], key=lambda name: name.endswith(".json") == (base == "model"))[0]
        files = self._shards(folder, name) if name.endswith(".json") else [name]
        self.files += files
        self.dtypes.append((sum(self.listing[name] for name in files), variant if variant in _SIZES else dtype))

    def _shards(self, folder: str, index: str) -> list[str]:
        places = self._json(index, ()).get("weight_map")
        names = set(places.values()) if isinstance(places, dict) and all(isinstance(name, str) for name in places.values()) else set()
        if not names:
            raise WeightsError(f"{short(index)} does not say which file holds which tensor; fetch it again.")
        for name in sorted(names):
            if not re.fullmatch(r"\w[\w.-]*\.safetensors", name) or len(name) > 200:
                raise WeightsError(f"{short(index)} names {short(name)} as a file of weights, which is not a safetensors file beside it; "
                                   "use another copy of this model.")
            if folder + name not in self.listing:
                raise WeightsError(f"{short(folder + name)} is missing although {short(index)} needs it; fetch this model again "
                                   "completely.")
        return [folder + name for name in sorted(names)]

    def _json(self, name: str, classes: Collection[str] | None = None) -> dict[str, Any]:
        """A configuration, which is then part of the plan; judged if the classes that it may be of are given."""
        if name not in self.listing:
            raise WeightsError(f"{short(name)} is missing, without which this model cannot be loaded; fetch it again completely.")
        check_size(name, self.listing[name])
        try:
            data = self.read(name)
        except (OSError, KeyError) as error:
            raise WeightsError(f"{short(name)} could not be read ({error}); fetch this model again.") from error
        content = parsed(name, data)
        if classes is not None:
            judge(name, content, classes)
        if name not in self.files:
            self.files.append(name)
        return content

    def _no_weights(self, folder: str, why: str) -> WeightsError:
        """What to say, and what to do, where there are no safetensors of the expected name."""
        pickles = [name for name in sorted(self.listing) if name.lower().endswith(PICKLES) and name.startswith(folder)]
        others = [name for name in sorted(self.listing) if "/" not in name and name.lower().endswith(".safetensors")]
        archives = [name for name in self.listing if name.lower().endswith(ARCHIVES)]
        if pickles:
            why = f"has its weights only as pickles ({short(pickles[0])}), which can run any code when they are read"
        if others:
            todo = f"it has {short(others[0])}, so fetch that file and add it alone"
        elif pickles:
            todo = "look among the repository's pull requests for a safetensors conversion and load it by its revision refs/pr/N, or use " \
                   "another repository of the same model"
        else:
            todo = "unpack its archive and choose the folder inside" if archives else "choose the folder or repository of a whole model"
        return WeightsError(f"This model cannot be loaded because it {why}; {todo}.")

    def _plan(self, adapter: str, family: str, title: str) -> Plan:
        known = {dtype for _, dtype in self.dtypes if dtype}
        dtype = known.pop() if len(known) == 1 else "mixed" if known else "fp32"
        parameters = sum(size // _SIZES[kind] for size, kind in self.dtypes if kind)
        return Plan(adapter, family, title, tuple(self.files), sum(self.listing[name] for name in self.files),
                    sum(size for size, _ in self.dtypes), dtype, parameters if all(kind for _, kind in self.dtypes) else None)


def _main_file(name: str) -> str:
    """What a part of a class has its settings in."""
    kinds = {"Scheduler": "scheduler_config.json", "Processor": "preprocessor_config.json", "Tokenizer": "tokenizer_config.json"}
    return next((file for kind, file in kinds.items() if kind in name), "config.json")


def _adapter(made_by: Any, where: str) -> AdapterInfo:
    """The adapter that a class name stands for. Raises WeightsError."""
    if made_by is None:
        raise WeightsError(f"{where} does not say of which class this model is; use a model in the layout of diffusers or transformers.")
    if isinstance(made_by, (list, tuple, dict)):
        raise WeightsError(f"{where} names {short(made_by)} as its class, which is code of the repository's own, and that is never run; "
                           "use a model of a published pipeline class.")
    for info in ADAPTERS.values():
        if made_by in info.made_by:
            return info
    known = ", ".join(dict.fromkeys(info.made_by[0] for info in ADAPTERS.values()))
    raise WeightsError(f"{where} is of the class {short(made_by)}, for which there is no adapter; there are {known}, so choose a model of "
                       "one of these.")


def _pair(part: str, value: Any) -> tuple[str | None, str | None]:
    """[library, class] of a part, or [null, null]. Raises WeightsError."""
    if len(value) == 2 and all(isinstance(found, str) for found in value) or list(value) == [None, None]:
        return value[0], value[1]
    raise _foreign(part, short(value), ())


def _foreign(part: str, name: str, known: Collection[str]) -> WeightsError:
    known = f" ({', '.join(list(known)[:4])})" if known else ""
    return WeightsError(f"The part {short(part)} of this model is {short(name)}, which is not one of those that are loaded here{known}; "
                        "choose a model without parts of its own.")
