"""What the Hub says about its models: search, the files and the licence of one, and whether there is a newer commit.

Every call ends within its time limit or raises a HubError with one sentence.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from huggingface_hub.utils import HFValidationError, validate_repo_id

from pipelines.hub.about import ADAPTERS
from weights.check.configs import MAX_JSON
from weights.check.repository import PICKLES
from weights.check.verify import WeightsError
from weights.hub.client import HUB, Blob, Hub, HubError, digests, misunderstood, place
from weights.hub.installed import COMMIT

if TYPE_CHECKING:
    from weights.check.preflight import Plan

OWN_TAG = "sextant"                # of models that `weights.hub.publish` put there
MAX_PAGES = 100                    # of a listing, 1,000 files each
MAX_REFS = 8                       # branches and pull requests that are looked at for a conversion
SORTS = {"downloads": "downloads", "likes": "likes", "updated": "lastModified"}
FACTS = ("likes", "downloads", "tags", "gated", "cardData", "lastModified", "pipeline_tag", "usedStorage")


@dataclass(frozen=True)
class RemoteModel:
    """A model of the Hub as a search lists it."""
    id: str
    likes: int
    downloads: int
    licence: str                             # "" if none is stated
    gated: bool                              # its conditions have to be accepted on the Hub first
    tags: tuple[str, ...]
    updated: str                             # "2026-01-31"
    storage: int | None                      # bytes of all its files and their history

    @property
    def adapter(self) -> str:
        """Which adapter (see Plan.adapter) its tags promise, "" for none; `Remote.plan` decides."""
        own = "own" if OWN_TAG in self.tags else ""
        return next((name for name, info in ADAPTERS.items() if not _tags(info.made_by).isdisjoint(self.tags)), own)


@dataclass(frozen=True)
class Remote(RemoteModel):
    """A repository of the Hub at one commit."""
    commit: str
    listing: Mapping[str, Blob]              # by path
    card: str                                # the first lines of the model card, Markdown
    hub: Hub = field(repr=False, compare=False)

    def read(self, path: str) -> bytes:
        """A small file, checked against the listing. Raises HubError."""
        blob = self.listing.get(path)
        if blob is None or blob.size > MAX_JSON:
            raise HubError(f"{path[:200]!r} of {self.id} is missing or larger than 8 MiB, so it cannot be a configuration; choose another "
                           "repository.")
        with self.hub.ask(place(self.id, self.commit, path), self.id) as response:
            data = self.hub.body(response, self.id, MAX_JSON)
        if blob.digest not in digests([data], len(data)):
            raise HubError(f"{path[:200]!r} of {self.id} did not come with the checksum that the Hub states; try again.", True)
        return data

    def plan(self, prefer: str = "fp16") -> Plan:
        """What would be loaded and so downloaded. Raises WeightsError with the reason why it would not."""
        from weights.check.preflight import planned
        return planned({path: blob.size for path, blob in self.listing.items()}, self.read, prefer)


def _tags(made_by: Iterable[str]) -> set[str]:
    """How the Hub tags repositories that these classes load: pipelines of diffusers by class, transformers by model type."""
    return {f"diffusers:{name}" if name.endswith("Pipeline") else name.split("For")[0].lower()
            for name in made_by if name.endswith("Pipeline") or "For" in name}


def _facts(info: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a RemoteModel."""
    tags, card = tuple(map(str, info.get("tags") or ())), info.get("cardData") or {}
    licence = next((tag[8:] for tag in tags if tag.startswith("license:")), str(card.get("license") or ""))
    if licence == "other":
        licence = str(card.get("license_name") or licence)
    storage = info.get("usedStorage")
    return {"id": str(info["id"]), "likes": int(info.get("likes") or 0), "downloads": int(info.get("downloads") or 0), "licence": licence,
            "gated": bool(info.get("gated")), "tags": tags, "updated": str(info.get("lastModified") or "")[:10],
            "storage": int(storage) if storage is not None else None}


def search(text: str, *, family: str | None = None, sort: str = "downloads", licence: str | None = None, limit: int = 20,
           hub: Hub = HUB) -> list[RemoteModel]:
    """Models whose names hold the text, the largest first by `sort` (see SORTS); with a family those that it may load. Raises HubError."""
    if sort not in SORTS:
        raise HubError(f"Models cannot be sorted by {sort!r}; choose {', '.join(SORTS)}.")
    common, wanted = [f"license:{licence}"] if licence else [], [list[str]()]
    if family:
        made_by = [name for info in ADAPTERS.values() if info.family == family for name in info.made_by]
        wanted = [[OWN_TAG, family], *([tag] for tag in sorted(_tags(made_by)))]
    asked = {"search": text.strip()[:200], "sort": SORTS[sort], "limit": max(1, min(limit, 100)), "expand": FACTS}

    def matching(tags: list[str]) -> list[RemoteModel]:
        answer, _ = hub.json("/api/models", "the search", {**asked, "filter": common + tags})
        try:
            return [RemoteModel(**_facts(info)) for info in (answer if isinstance(answer, list) else [{}])]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise misunderstood("the search") from error

    with ThreadPoolExecutor(8) as pool:                        # the Hub joins several tags by "and", never by "or"
        found = {model.id: model for models in pool.map(matching, wanted) for model in models}
    return sorted(found.values(), key=lambda model: getattr(model, sort), reverse=True)[:limit]


def info(repo: str, revision: str | None = None, hub: Hub = HUB) -> Remote:
    """A repository at a branch, tag or commit (its main branch, if none is named). Raises HubError."""
    remote = listed(repo, revision, hub)
    return replace(remote, card=_card(remote))


def listed(repo: str, revision: str | None = None, hub: Hub = HUB) -> Remote:
    """The same without the first lines of its card. Raises HubError."""
    repo = named(repo, hub)
    info = _info(repo, revision, hub)
    path, rows = f"/api/models/{info['id']}/tree/{info['sha']}?recursive=true", list[Any]()
    for _ in range(MAX_PAGES):
        page, path = hub.json(path, repo)
        rows += page if isinstance(page, list) else [None]
        if not path:
            break
    else:
        raise HubError(f"{repo} has more than {MAX_PAGES * 1000:,} files, which is no model; choose another repository.")
    try:
        listing = {str(row["path"]): Blob(int(row["size"]), str((row.get("lfs") or row)["oid"])) for row in rows if row["type"] == "file"}
        return Remote(**_facts(info), commit=info["sha"], listing=listing, card="", hub=hub)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise misunderstood(repo) from error


def conversion(remote: Remote) -> str | None:
    """The branch or pull request with safetensors of a repository that holds pickles only, from which it would load; None if there is
    none among the latest. Raises HubError."""
    names = [name.lower() for name in remote.listing]
    if any(name.endswith(".safetensors") for name in names) or not any(name.endswith(PICKLES) for name in names):
        return None
    answer, _ = remote.hub.json(f"/api/models/{remote.id}/refs", remote.id, {"include_prs": "1"})
    try:
        refs = [str(one["ref"]).removeprefix("refs/heads/") for kind in ("pullRequests", "branches") for one in answer.get(kind) or ()
                if one["targetCommit"] != remote.commit]
    except (KeyError, TypeError, AttributeError) as error:
        raise misunderstood(remote.id) from error
    for ref in refs[:MAX_REFS]:
        with suppress(WeightsError):                           # a request that was closed, or a model that would not load either
            listed(remote.id, ref, remote.hub).plan()
            return ref
    return None


def newer(repo: str, commit: str, revision: str | None = None, hub: Hub = HUB) -> str | None:
    """The commit at which a revision (the main branch, if none is named) now stands, None if it is this one. Raises HubError."""
    latest: str = _info(named(repo, hub), revision, hub)["sha"]
    return latest if latest != commit else None


def named(text: str, hub: Hub = HUB) -> str:
    """The id in what a person typed or pasted: an id or the address of a model's page or of one of its files. Raises HubError."""
    repo = text.strip().removeprefix(hub.endpoint).strip("/")
    if repo != text.strip():
        repo = re.sub(r"/(tree|blob|resolve)/.*", "", repo)
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(f"{text[:200]!r} is not the name of a model on the Hub; write it as owner/name.") from error
    return repo


def _info(repo: str, revision: str | None, hub: Hub) -> dict[str, Any]:
    """What the Hub says about a repository, `id` and `sha` being sound."""
    info, _ = hub.json(f"/api/models/{repo}/revision/{quote(revision or 'main', safe='')}", repo)
    if not isinstance(info, dict) or not COMMIT.fullmatch(str(info.get("sha"))):
        raise misunderstood(repo)
    return {**info, "id": named(str(info.get("id")), hub)}


def _card(remote: Remote) -> str:
    """The first lines of a model card; a card that cannot be had (gated repositories) is no reason to know nothing else."""
    if "README.md" not in remote.listing:
        return ""
    try:
        text = remote.read("README.md").decode("utf-8", "replace")
    except HubError:
        return ""
    text = re.sub(r"\A---\r?\n.*?\n---\r?\n", "", text, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if line.strip())[:600]
