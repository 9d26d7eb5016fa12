"""The models page: what is here, what the Hub has, downloads, the user's own folders and files, memory, publishing."""
from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.device.machine import Machine
from app.device.model_cache import needed_bytes
from app.errors import BadInput, UserError
from app.models.models import Models
from app.models.views import ModelView
from app.text import readable
from pipelines import registry
from pipelines.hub.about import ADAPTERS
from pipelines.options import Option, build, option
from weights import local
from weights.check.preflight import Plan
from weights.check.reading import short
from weights.check.verify import WeightsError
from weights.hub import remote
from weights.hub.client import HUB
from weights.hub.download import Downloads
from weights.hub.installed import COMMIT, installed
from weights.pretrained import Pretrained, from_hub

SCALE = Option("scale", float, 1.0, "Scale", "How strongly a LoRA changes its model.", low=-4, high=4)


@dataclass(frozen=True)
class Filters:
    """What a search leaves out."""
    most_gb: float = option(0.0, "Size in gigabytes", "Of all files and their history at most, 0 for any.", low=0, high=10_000)
    likes: int = option(0, "Likes", "At least so many.", low=0, high=10**9)
    downloads: int = option(0, "Downloads", "At least so many in the last month.", low=0, high=10**9)

    def admits(self, model: remote.RemoteModel) -> bool:
        return (model.likes >= self.likes and model.downloads >= self.downloads
                and (not self.most_gb or (model.storage or 0) <= 1e9 * self.most_gb))


class ModelLibrary:
    """Raises `app.errors.sentences`."""

    def __init__(self, models: Models, machine: Machine) -> None:
        self._models, self._machine, self._folder = models, machine, models.weights.models
        self._downloads: Downloads | None = None

    @property
    def downloads(self) -> Downloads:
        """Made when somebody first looks, so that nothing of the Hub's client is imported before."""
        if self._downloads is None:
            self._downloads = Downloads(self._folder)
        return self._downloads

    # What is here

    def listing(self) -> list[dict[str, Any]]:
        """All models there are: facts, source, whether they are in memory, why one cannot be used."""
        resident = self._machine.cache.bytes()
        there = from_hub(self._folder)
        links = {link.name: str(link.path) for link in local.usable(self._folder)[0]}
        found = []
        for view in self._models.views():
            family = registry.face(view.family).title if view.family in registry.NAMES else ""
            kind = ADAPTERS[view.adapter].title if view.adapter else "this project's"
            origin = there.get(view.name) if view.source == "hub" else None
            found.append({"name": view.name, "title": view.title, "family": view.family, "family_title": family, "kind": kind,
                          "source": view.source, "parameters": view.parameters, "bytes": view.bytes, "problem": view.problem,
                          "size": view.size, "lora": bool(view.adapter) and ADAPTERS[view.adapter].lora,
                          "samplers": list(view.samplers), "resident": resident.get(view.name, 0),
                          "repo": origin.repo if origin else "", "commit": origin.commit if origin else "",
                          "licence": origin.licence if origin else "", "path": links.get(view.name, "") if view.source == "local" else ""})
        return found

    def drawable(self, name: str) -> ModelView:
        """A model that can be drawn with; one of the Hub also by "owner/name" or "owner/name@commit", whatever it goes by here."""
        name = next((own for own, one in from_hub(self._folder).items() if name in (own, one.repo, one.name)), name)
        view = next((view for view in self._models.views() if view.name == name), None)
        if view is None:
            raise BadInput(f"There is no model {name[:200]!r} any more; choose another one.")
        if view.problem:
            raise UserError(view.problem)
        return view

    def unload(self, name: str) -> int:
        """Bytes that are free again."""
        return self._machine.unload(name)

    def verify(self, name: str) -> None:
        """Look at headers and checksums again."""
        self._models.check(self._models.weights.find(name))

    def remove(self, name: str) -> int:
        """Delete a model of the Hub, or forget a folder or file of the user's own, which stays; the bytes that are free again."""
        view = next((view for view in self._models.views() if view.name == name), None)
        if view is None or view.source not in ("hub", "local"):
            raise BadInput(f"{name} is no model of the Hub and none that was added; only those can be removed here.")
        self._machine.unload(name)
        if view.source == "hub":
            whole = from_hub(self._folder).get(name)
            if whole is None:
                raise UserError(str(view.problem))         # which says what is to be deleted
            return self.downloads.remove(whole.name)
        local.remove(self._folder, name)
        return 0

    def add(self, path: str, base: str = "", scale: Any = 1.0) -> str:
        """List a folder or a .safetensors file of the user's own where it lies; its name. base: the model that a LoRA file changes."""
        if not path.strip():
            raise BadInput("Name a folder with a model, or a .safetensors file.")
        try:
            file = Path(path.strip()).expanduser()
        except (RuntimeError, ValueError):
            raise BadInput(f"{short(path)} names the home of a user that this machine does not know; give the whole path.") from None
        if not base:
            return local.add(self._folder, file)
        strength, entry = SCALE.parse(scale), self._models.weights.find(base)
        if not isinstance(entry, Pretrained):
            raise BadInput(f"{base} is a model of this project, which takes no LoRA files; name a pretrained one.")
        return local.add_lora(self._folder, file, base, entry.plan, strength)

    # The Hub

    def search(self, text: str, family: str = "", sort: str = "downloads", licence: str = "", limit: int = 20,
               **filters: Any) -> list[dict[str, Any]]:
        """Models of the Hub whose names hold the text, with the adapter that they are known for; filters: see `Filters`."""
        text, licence = readable(text), readable(licence)
        if family and family not in registry.NAMES:
            raise BadInput(f"There is no family {family!r}; there are {', '.join(registry.NAMES)}.")
        wanted = build(Filters, filters)
        found = remote.search(text, family=family or None, sort=sort, licence=licence or None,
                              limit=limit if wanted == Filters() else 100)
        found = [model for model in found if wanted.admits(model)][:limit]
        here = {one.repo for one in installed(self._folder)}
        return [_facts(model) | {"here": model.id in here} for model in found]

    def info(self, repo: str, revision: str = "") -> dict[str, Any]:
        """A repository before anything is downloaded: card, licence, files and size, memory, whether it will load or why not."""
        found = remote.info(readable(repo), readable(revision) or None)
        facts = _facts(found) | {"commit": found.commit, "card": found.card, "files": len(found.listing), "problem": None,
                               "whole": sum(blob.size for blob in found.listing.values()),
                               "here": any((one.repo, one.commit) == (found.id, found.commit) for one in installed(self._folder))}
        try:
            plan = found.plan()
        except WeightsError as error:
            ref = None
            with suppress(WeightsError):                       # which changes nothing of the verdict
                ref = remote.conversion(found)
            return facts | {"problem": f"{error} There is a conversion: {ref}." if ref else str(error), "conversion": ref}
        return facts | self._planned(plan, {path: blob.size for path, blob in found.listing.items()})

    def _planned(self, plan: Plan, sizes: dict[str, int]) -> dict[str, Any]:
        """What would be loaded, and whether the device has room for it."""
        device, whole, free = self._machine.room()
        needs = needed_bytes(plan.parameters or plan.weights_bytes // 2, plan.adapter == "own", device)
        return {"adapter": plan.adapter, "kind": plan.title, "family": plan.family, "family_title": registry.face(plan.family).title,
                "bytes": plan.bytes, "dtype": plan.dtype, "parameters": plan.parameters, "needs": needs, "memory": whole, "free": free,
                "fits": needs <= whole, "disk": self._free_disk(),
                "listing": [{"path": path, "size": sizes.get(path, 0)} for path in plan.files]}

    def _free_disk(self) -> int:
        """Bytes that are free where models lie; their folder is made by the first of them."""
        folder = self._folder
        return shutil.disk_usage(folder if folder.exists() else folder.parent).free

    def newer(self, name: str) -> dict[str, str | None]:
        """"commit" that the Hub has now, None if the model is that one, and the "revision" where it is: that from which the model came
        if it is a branch or tag, "" for the main branch, with which a commit that was asked for by its number is compared."""
        one = from_hub(self._folder).get(name)
        if one is None:
            raise BadInput(f"{name} did not come from the Hub; only such models have updates.")
        revision = None if COMMIT.fullmatch(one.revision or "") else one.revision
        return {"commit": remote.newer(one.repo, one.commit, revision), "revision": revision or ""}

    # Downloads

    def download(self, repo: str, revision: str = "") -> str:
        return self.downloads.start(readable(repo), readable(revision) or None)

    def in_progress(self) -> list[dict[str, Any]]:
        """All downloads of this data folder, the latest first; those that an earlier process left are paused."""
        return [asdict(view) for view in self.downloads.views()]

    def steer(self, download: str, what: str) -> None:
        """pause, go_on or cancel."""
        steps: dict[str, Callable[[str], None]] = {
            "pause": self.downloads.pause, "go_on": self.downloads.go_on, "cancel": self.downloads.cancel}
        if what not in steps:
            raise BadInput(f"A download can be told to {', '.join(steps)}; not to {what!r}.")
        steps[what](download)

    def close(self) -> None:
        if self._downloads is not None:
            self._downloads.close()


def _facts(model: remote.RemoteModel) -> dict[str, Any]:
    known = ADAPTERS.get(model.adapter)
    return {"id": model.id, "url": f"{HUB.endpoint}/{model.id}", "likes": model.likes, "downloads": model.downloads,
            "licence": model.licence, "gated": model.gated, "updated": model.updated, "storage": model.storage,
            "kind": known.title if known else "", "family": known.family if known else ""}
