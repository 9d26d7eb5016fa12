"""What the test Hub holds: repositories with commits, and the JSON that the Hub says about them."""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

LARGE = (".safetensors", ".bin", ".ckpt", ".pt", ".gguf")      # kept by LFS, so known by SHA-256 and served by the CDN


def git_sha1(data: bytes) -> str:
    """The name that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


@dataclass
class Repository:
    """One model repository; `branches` names commits, each of which is a table of whole files."""
    id: str
    private: bool = False
    gated: Any = False                       # False, "auto" or "manual"
    licence: str | None = "apache-2.0"
    tags: list[str] = field(default_factory=list)
    likes: int = 3
    downloads: int = 1000
    pipeline_tag: str | None = None
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """A new commit with exactly these files; its 40-hex name."""
        parent = self.branches.get(branch, "")
        name = hashlib.sha1(json.dumps([self.id, parent, {path: sha256(data) for path, data in files.items()}]).encode()).hexdigest()
        self.commits[name], self.branches[branch] = dict(files), name
        return name

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch or a (perhaps shortened) commit name means."""
        if revision in self.branches:
            return self.branches[revision]
        return next((name for name in self.commits if len(revision) >= 7 and name.startswith(revision)), None)

    def info(self, commit: str | None, blobs: bool = False) -> dict[str, Any]:
        """GET /api/models/{id}/revision/{revision}"""
        files = self.commits.get(commit or "", {})
        siblings = [{"rfilename": path, **(self._blob(path, files[path]) if blobs else {})} for path in sorted(files)]
        tags = self.tags + ([f"license:{self.licence}"] if self.licence else [])
        return {"_id": git_sha1(self.id.encode())[:24], "id": self.id, "modelId": self.id, "sha": commit, "author": self.id.split("/")[0],
                "private": self.private, "gated": self.gated, "disabled": False, "likes": self.likes, "downloads": self.downloads,
                "tags": tags, "pipeline_tag": self.pipeline_tag, "lastModified": "2026-01-02T03:04:05.000Z",
                "createdAt": "2025-01-02T03:04:05.000Z", "cardData": {"license": self.licence} if self.licence else None,
                "usedStorage": sum(map(len, files.values())), "siblings": siblings}

    def _blob(self, path: str, data: bytes) -> dict[str, Any]:
        blob: dict[str, Any] = {"size": len(data), "blobId": git_sha1(data)}
        if is_large(path):
            blob["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
        return blob

    def tree(self, commit: str) -> list[dict[str, Any]]:
        """GET /api/models/{id}/tree/{revision}?recursive=true, all pages."""
        files = self.commits[commit]
        folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
        rows: list[dict[str, Any]] = [{"type": "directory", "oid": git_sha1(folder.encode()), "size": 0, "path": folder}
                                      for folder in sorted(folders)]
        for path, data in sorted(files.items()):
            row = {"type": "file", "oid": git_sha1(data), "size": len(data), "path": path}
            if is_large(path):
                row["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 134}
            rows.append(row)
        return rows
