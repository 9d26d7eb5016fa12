"""Models that this project did not make: from the Hub, or a folder or file of the user's own, as entries of the catalog."""
from __future__ import annotations

import hashlib
import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pipelines.files import MISREAD
from pipelines.hub.about import ADAPTERS
from weights.catalog import FILE, MAX_SIZE, Entry, said_in, size_of
from weights.check.configs import MAX_JSON
from weights.check.preflight import Plan, inspected, numbers_in
from weights.check.reading import short, small_file, why_not
from weights.check.single_file import example, fits, guidance_distilled
from weights.check.verify import WeightsError, check_numbers, read_header, sha256
from weights.hub.installed import LIST, ORIGIN, Installed, damaged, installed
from weights.local import usable

OWN_TABLE = '"sextant"'             # in the configuration of a model of this project that somebody published
DEV_STEPS = 28                     # of FLUX.1 dev, which is not distilled to few steps as schnell is
# What models are drawn with whose makers saved them with the scheduler of a distillation.
DISTILLED: dict[str, dict[str, Any]] = {"LCMScheduler": {"sampler": "lcm", "steps": 4, "guidance_scale": 1.0},
                                        "TCDScheduler": {"sampler": "tcd", "steps": 4, "guidance_scale": 1.0}}

# What a saved scheduler says of sampling, and the options that it becomes, with their kinds.
SAVED = {"timestep_spacing": ("spacing", str), "clip_sample": ("clip", bool), "snr": ("snr", float),
         "correct_steps": ("corrector_steps", int), "sampling_eps": ("t_end", float)}


@dataclass(frozen=True)
class Pretrained(Entry):
    """A folder with a pipeline's parts, or a single file; what it is is read from its configurations when it is asked for."""
    beside: tuple[Pretrained, ...] = ()      # others that are here

    @property
    def plan(self) -> Plan:
        """What of it would be loaded. Raises WeightsError."""
        return _planned(self.path, _changed(self.path))

    @property
    def adapter(self) -> str:                                                # type: ignore[override]
        return self.plan.adapter

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """family, title, config (size), defaults. Raises WeightsError."""
        plan, info = self.plan, ADAPTERS[self.plan.adapter]
        try:
            saved = self._config("scheduler/scheduler_config.json")
            defaults = {"sampler": info.samplers[0], **info.defaults, **DISTILLED.get(saved.get("_class_name", ""), {})}
            if plan.adapter == "flux" and self._guidance_distilled():
                defaults["steps"] = DEV_STEPS
            defaults |= _saved_options(saved)
            return {"family": plan.family, "title": f"{self.name} · {plan.title}", "config": {"size": self._size()},
                    "defaults": defaults | dict(info.fixed)}
        except MISREAD as error:
            raise WeightsError(f"What the configurations of {self.name} say cannot be ({why_not(error)}); download the model again, or use "
                               "another copy of it.") from error

    def _guidance_distilled(self) -> bool:
        return guidance_distilled(read_header(self.path)[0]) if self.path.is_file() else bool(self.network.get("guidance_embeds"))

    @cached_property
    def network(self) -> dict[str, Any]:
        """The configuration of what denoises, or of the whole model where it is one network."""
        return self._config("unet/config.json") or self._config("transformer/config.json") or self._config("config.json")

    @property
    def parameters(self) -> int:
        """Those of what a single file lacks are counted too. Raises WeightsError, also if there is nothing to take it from."""
        there = companion(self) if self.plan.missing else None
        return (self.plan.parameters or 0) + (_numbers_in(there, self.plan.missing, _changed(there)) if there else 0)

    @property
    def bytes(self) -> int:
        return self.plan.bytes

    @property
    def card(self) -> str:
        return said_in(self.path / "README.md") if os.path.isdir(self.path) else ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and checksums of the files that are loaded: the identity of the model."""
        if self.path.is_file():
            return sha256(self.path)
        return hashlib.sha256("\n".join(f"{name} {self._sum(name)}" for name in sorted(self.plan.files)).encode()).hexdigest()

    def _sum(self, name: str) -> str:
        """A file's SHA-256; the one it came with from the Hub, unless it was written again since. Raises WeightsError."""
        path, known = self.path / name, self._origin().get(name)
        if known is None:
            return sha256(path)
        now = path.stat()
        if (now.st_size != known["size"] or now.st_mtime_ns > (self.path / ORIGIN).stat().st_mtime_ns) and sha256(path) != known["sha256"]:
            raise self._spoiled(name)
        return str(known["sha256"])

    def check(self) -> None:
        """Look at everything again, every number too, and hold the files from the Hub against the checksums they came with.

        Raises WeightsError.
        """
        files, known = inspected(self.path).files, self._origin()
        for name in files:
            path = self.path if self.path.is_file() else self.path / name
            if name in known and sha256(path) != known[name]["sha256"]:
                raise self._spoiled(name)
            if name.endswith(".safetensors"):
                check_numbers(path)

    def _spoiled(self, name: str) -> WeightsError:
        return WeightsError(f"{name} of {self.name} has changed since it was downloaded; remove the model and download it again.")

    def _origin(self) -> dict[str, Any]:
        """What came from the Hub: size and SHA-256 of files by name."""
        return self._config(ORIGIN)["files"] if self.source == "hub" else {}

    def _size(self) -> int:
        """Side of the model's own pictures in pixels, 0 if its configuration does not say."""
        vae, side = self._config("vae/config.json") or self._config("vqvae/config.json"), self.network.get("sample_size") or 0
        side = side if isinstance(side, int) else max(side)
        levels = vae.get("block_out_channels") or vae.get("encoder_block_out_channels") or (1,)
        found = side * 2 ** min(len(levels) - 1, 16)
        if type(found) is not int or not 0 <= found <= MAX_SIZE:
            raise ValueError(f"pictures of {short(found)} pixels")
        return found

    def _config(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            return json.loads(small_file(path, MAX_JSON).decode("utf-8")) if os.path.exists(path) else {}
        except MISREAD as error:
            raise WeightsError(f"{name} of {self.name} could not be read ({why_not(error)}); download the model again.") from error


@dataclass(frozen=True)
class WithLora(Pretrained):
    """A model with the changes of a LoRA file; path is that of the file."""
    base: Pretrained | None = None           # None: it is no longer here
    scale: float = 1.0

    @property
    def changed(self) -> Pretrained:
        """The model that it changes. Raises WeightsError."""
        if self.base is None:
            raise WeightsError(f"The model that {self.name} changes is no longer here; add it again, or remove {self.name}.")
        return self.base

    @property
    def plan(self) -> Plan:
        return self.changed.plan

    @property
    def parameters(self) -> int:
        return self.changed.parameters

    @property
    def bytes(self) -> int:
        return size_of(self.path)

    @property
    def card(self) -> str:
        return self.changed.card

    @cached_property
    def metadata(self) -> dict[str, Any]:
        found = self.changed.metadata
        return found | {"title": f"{found['title']} + {self.path.stem} × {self.scale:g}"}

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.changed.digest} {sha256(self.path)} {self.scale!r}".encode()).hexdigest()

    def check(self) -> None:
        self.changed.check()
        check_numbers(self.path)


def from_hub(root: Path) -> dict[str, Installed]:
    """The downloaded models by the names that they go by here: the repository's for the commit that came first, so that pictures and
    LoRA files go on meaning it, and with the commit for later ones."""
    here = sorted(installed(root), key=lambda one: (one.since, one.name))
    first = {one.repo: one for one in reversed(here)}
    named = {one.repo if one == first[one.repo] else one.name: one for one in here}
    return dict(sorted(named.items()))


def pretrained(root: Path) -> list[Entry]:
    """Those in the models folder: from the Hub, then the user's own folders, files and LoRA files; what cannot be used has its fault."""
    found: list[Entry] = []
    for name, there in from_hub(root).items():
        if not os.path.exists(there.folder / "model_index.json") and OWN_TABLE in _text(there.folder / "config.json"):
            found.append(Entry(name, there.folder / FILE, "hub", None))
        else:
            found.append(Pretrained(name, there.folder, "hub", None))
    found += [Entry(name, folder, "hub", None, why) for name, folder, why in damaged(root)]
    links, problem = usable(root)
    for link in sorted(links, key=lambda link: (bool(link.base), os.path.isfile(link.path))):        # what others need comes first
        if link.base:
            base = next((entry for entry in found if entry.name == link.base and isinstance(entry, Pretrained)), None)
            found.append(WithLora(link.name, link.path, "local", None, base=base, scale=link.scale))
        elif link.adapter == "own":
            found.append(Entry(link.name, link.path / FILE if os.path.isdir(link.path) else link.path, "local", None))
        else:
            others = tuple(entry for entry in found if isinstance(entry, Pretrained))
            found.append(Pretrained(link.name, link.path, "local", None, beside=others))
    return found + ([Entry(LIST, root / LIST, "local", None, problem)] if problem else [])


def _saved_options(saved: dict[str, Any]) -> dict[str, Any]:
    """The options that a saved scheduler asks for. Raises TypeError for a value of another kind."""
    found = {}
    for theirs, (ours, kind) in SAVED.items():
        value = saved.get(theirs)
        if value is not None:
            fits = type(value) in ((int, float) if kind is float else (kind,)) and (kind is str or math.isfinite(value))
            if not fits:
                raise TypeError(f"{theirs} = {short(value)}")
            found[ours] = value
    return found


def companion(entry: Pretrained) -> Path:
    """A folder with what a single file lacks: another model of its kind, with tokenizers and configurations. Raises WeightsError."""
    info, (header, _) = ADAPTERS[entry.plan.adapter], read_header(entry.path)
    for other in entry.beside:
        with suppress(WeightsError):                     # of the other, which the list says beside its name
            if other.path.is_dir() and other.adapter == info.name and fits(info.name, header, other.network):
                return other.path
    raise WeightsError(f"{entry.name} is a part of a model: it lacks its {', its '.join(entry.plan.missing[:3])}. Download "
                       f"{example(info.name, header)}, or add a folder in the diffusers layout of the same network, and they are taken "
                       "from there.")


def _text(path: Path) -> str:
    try:
        return small_file(path, 2**20).decode("utf-8", "replace")
    except OSError:
        return ""


def _changed(path: Path) -> int:
    """A number that changes when a folder's own files, or a file, do."""
    try:
        return max([path.stat().st_mtime_ns, *(p.stat().st_mtime_ns for p in path.glob("*"))]) if path.exists() else 0
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _planned(path: Path, changed: int) -> Plan:
    return inspected(path)


@lru_cache(maxsize=64)
def _numbers_in(path: Path, parts: tuple[str, ...], changed: int) -> int:
    return numbers_in(path, parts)
