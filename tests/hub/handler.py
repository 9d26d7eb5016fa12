"""The routes of the test Hub, and how they fail."""
from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.repository import Repository, git_sha1, is_large, sha256

if TYPE_CHECKING:
    from tests.hub.server import Fault, HubServer, Seen

NO_REPOSITORY = (401, "RepoNotFound", "Repository not found")
NO_REVISION = (404, "RevisionNotFound", "Invalid rev id")
NO_ENTRY = (404, "EntryNotFound", "Entry not found")
GATED = (401, "GatedRepo", "Access to model is restricted, you must be authenticated to access it.")


class Gone(Exception):
    """The connection is to be closed without a further word."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    hub: HubServer
    seen: Seen
    fault: Fault | None

    def log_message(self, *_: Any) -> None:
        """Requests are kept in `hub.log` instead."""

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def answer(self) -> None:
        self.url = urlsplit(self.path)
        self.query = parse_qs(self.url.query)
        self.body = self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else b"".join(self.chunks())
        phase, say = self.route([unquote(part) for part in self.url.path.strip("/").split("/")])
        try:
            if self.phase(phase):
                say()
        except (Gone, OSError):
            self.close_connection = True

    def chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

    def route(self, parts: list[str]) -> tuple[str, Callable[[], None]]:
        """(phase, what answers)."""
        match parts:
            case ["api", "models"]:
                return "search", self.search
            case ["api", "whoami-v2"]:
                return "whoami", self.whoami
            case ["api", "validate-yaml"]:
                return "yaml", lambda: self.say({"errors": [], "warnings": []})
            case ["api", "repos", "create"]:
                return "create", self.create
            case ["api", "models", *name, "revision", revision]:
                return "info", lambda: self.info(name, revision)
            case ["api", "models", *name, "refs"]:
                return "refs", lambda: self.refs(name)
            case ["api", "models", *name, "tree", revision]:
                return "listing", lambda: self.listing(name, revision)
            case ["api", "models", *name, "preupload", revision]:
                return "preupload", lambda: self.preupload(name, revision)
            case ["api", "models", *name, "commit", revision]:
                return "commit", lambda: self.commit(name, revision)
            case ["api", "models", *name]:
                return "info", lambda: self.info(name, "main")
            case [*_, "info", "lfs", "objects", "batch"]:
                return "batch", self.batch
            case ["put", oid]:
                return "put", lambda: self.put(oid)
            case ["cdn", oid, *_]:
                return "big", lambda: self.send_file(self.hub.objects[oid], {})
            case [*name, "resolve", revision, path]:
                return self.file(name, revision, path)
            case [owner, name, "resolve", revision, *folders]:
                return self.file([owner, name], revision, "/".join(folders))
            case _:
                return "other", lambda: self.refuse(404, "", "No such route")

    def file(self, name: list[str], revision: str, path: str) -> tuple[str, Callable[[], None]]:
        return "resolve" if is_large(path) else "small", lambda: self.resolve(name, revision, path)

    # what goes wrong ---------------------------------------------------------------------------------------------------

    def phase(self, name: str) -> bool:
        """Log the request; False if a fault has answered it already. Faults of bodies are left to `send`."""
        from tests.hub.server import Seen
        headers = self.headers
        self.seen = Seen(name, self.command, self.path, headers.get("Host", ""), "Authorization" in headers, headers.get("Range"))
        self.hub.log.append(self.seen)
        self.fault = self.hub.strike(name)
        kind = self.fault.kind if self.fault else ""
        if kind == "hang":
            self.silence()
        if kind == "gone" and self.fault and self.fault.used > 1:
            raise Gone
        if kind == "redirect" and not self.headers["Host"].startswith("localhost"):
            self.send(b"", status=302, headers={"Location": self.hub.cdn + self.path})
        elif kind == "404":
            self.refuse(*NO_ENTRY)
        elif kind == "401":
            self.refuse(*GATED)
        elif kind == "429":
            self.refuse(429, "", "Too many requests", {"Retry-After": self.fault.after if self.fault else ""})
        elif kind == "500":
            self.refuse(500, "", "Internal Error - We're working hard to fix this as soon as possible!")
        else:
            return True
        return False

    def silence(self) -> None:
        from tests.hub.server import SILENCE
        assert self.fault is not None
        self.fault.over.wait(SILENCE)
        raise Gone

    def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.fault = None
        self.send(json.dumps({"error": message}).encode(), status,
                  {**({"X-Error-Code": code} if code else {}), "X-Error-Message": message, **(headers or {})})

    def say(self, answer: Any, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(answer).encode()
        if self.fault and self.fault.kind == "hash":
            text = b"{}" if self.seen.phase != "listing" else self.spoilt(text)
        self.send(text, 200, {"Content-Type": "application/json", **(headers or {})})

    @staticmethod
    def spoilt(listing: bytes) -> bytes:
        rows = json.loads(listing)
        for row in rows:
            row["oid"] = "0" * 40
            if "lfs" in row:
                row["lfs"]["oid"] = "0" * 64
        return json.dumps(rows).encode()

    def rest(self) -> None:
        """Until the pace, as it is now, lets the next block go."""
        sent = time.monotonic()
        while time.monotonic() - sent < self.hub.pace and not self.hub.closed.is_set():
            time.sleep(min(0.02, self.hub.pace))

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        kind = self.fault.kind if self.fault else ""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = (len(body) + 1) // 2 if kind in ("truncated", "gone", "stall") else len(body)
        for start in range(0, cut, self.hub.block):
            block = body[start:min(start + self.hub.block, cut)]
            self.wfile.write(block)
            self.seen.sent += len(block)
            self.rest()
            if self.hub.closed.is_set():
                raise Gone
        if kind == "stall":
            self.silence()
        if cut < len(body):
            raise Gone

    def send_file(self, data: bytes, headers: dict[str, str]) -> None:
        """A file or, if a range was asked for, the rest of one."""
        if self.fault and self.fault.kind == "hash":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if self.fault and self.fault.kind == "long":
            data += b"more"
        wanted = "" if self.fault and self.fault.kind == "whole" else self.headers.get("Range", "")
        headers = {"Accept-Ranges": "bytes", **headers}
        if not wanted.startswith("bytes="):
            self.send(data, 200, headers)
            return
        first, last = wanted[6:].split("-")
        start, end = int(first), min(int(last), len(data) - 1) if last else len(data) - 1
        if start >= len(data):
            self.send(b"", 416, {**headers, "Content-Range": f"bytes */{len(data)}"})
        else:
            self.send(data[start:end + 1], 206, {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"})

    # what is asked for -------------------------------------------------------------------------------------------------

    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def find(self, name: list[str], revision: str) -> tuple[Repository, str] | None:
        """(repository, commit), or None after a refusal."""
        found = self.hub.repositories.get("/".join(name))
        if found is None or (found.private and not self.known()):
            self.refuse(*NO_REPOSITORY)
            return None
        commit = found.resolve(revision)
        if commit is None and found.commits:
            self.refuse(*NO_REVISION)
            return None
        return found, commit or ""

    def search(self) -> None:
        words = self.query.get("search", [""])[0].lower().split()
        wanted = self.query.get("filter", [])
        order = {"downloads": "downloads", "likes": "likes"}.get(self.query.get("sort", ["downloads"])[0], "id")
        found = []
        for repository in sorted(self.hub.repositories.values(), key=lambda one: getattr(one, order), reverse=True):
            info = repository.info(repository.resolve("main"))
            visible = not repository.private or self.known()
            if visible and all(word in repository.id.lower() for word in words) and all(tag in info["tags"] for tag in wanted):
                asked = self.query.get("expand")
                found.append({name: value for name, value in info.items() if asked is None or name in ("id", "_id", *asked)})
        self.say(found[:int(self.query.get("limit", ["100"])[0])])

    def info(self, name: list[str], revision: str) -> None:
        if found := self.find(name, revision):
            self.say(found[0].info(found[1], blobs=bool(self.query.get("blobs"))))

    def refs(self, name: list[str]) -> None:
        if not (found := self.find(name, "main")):
            return
        rows = [{"name": branch, "ref": branch if branch.startswith("refs/") else f"refs/heads/{branch}", "targetCommit": commit}
                for branch, commit in found[0].branches.items()]
        pulls = [row for row in rows if row["ref"].startswith("refs/pr/")]
        self.say({"branches": [row for row in rows if row not in pulls], "tags": [], "converts": [],
                  **({"pullRequests": pulls} if "include_prs" in self.query else {})})

    def listing(self, name: list[str], revision: str) -> None:
        if not (found := self.find(name, revision)):
            return
        rows, start = found[0].tree(found[1]), int(self.query.get("cursor", ["0"])[0])
        more = start + self.hub.page < len(rows)
        link = f'<{self.hub.endpoint}{self.url.path}?recursive=true&cursor={start + self.hub.page}>; rel="next"'
        self.say(rows[start:start + self.hub.page], {"Link": link} if more else {})

    def resolve(self, name: list[str], revision: str, path: str) -> None:
        """A small file at once, a large one by a redirect to the CDN."""
        if not (found := self.find(name, revision)):
            return
        repository, commit = found
        if repository.gated and not self.known():
            self.refuse(*GATED)
            return
        data = repository.commits[commit].get(path)
        headers = {"X-Repo-Commit": commit}
        if data is None:
            self.refuse(*NO_ENTRY, headers)
        elif not is_large(path):
            self.send_file(data, {**headers, "ETag": f'"{git_sha1(data)}"'})
        else:
            digest = sha256(data)
            self.hub.objects[digest] = data
            self.send(b"", 302, {**headers, "ETag": f'"{git_sha1(data)}"', "X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(data)),
                                 "Location": f"{self.hub.cdn}/cdn/{digest}/{path.rsplit('/', 1)[-1]}"})

    # publishing --------------------------------------------------------------------------------------------------------

    def whoami(self) -> None:
        if self.known():
            self.say({"type": "user", "name": "me", "orgs": [], "auth": {"accessToken": {"role": "write"}}})
        else:
            self.refuse(401, "", "Invalid credentials in Authorization header")

    def create(self) -> None:
        ask = json.loads(self.body)
        repo = f"{ask.get('organization') or 'me'}/{ask['name']}"
        if not self.known():
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repo.split("/")[0] != "me":
            self.refuse(403, "", "You don't have the rights to create a model under this namespace")
        elif repo in self.hub.repositories:
            self.send(json.dumps({"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{repo}"}).encode(), 409)
        else:
            self.hub.repositories[repo] = Repository(repo, private=ask.get("visibility") == "private", licence=None)
            self.say({"url": f"{self.hub.endpoint}/{repo}", "name": repo, "id": git_sha1(repo.encode())[:24]})

    def preupload(self, name: list[str], revision: str) -> None:
        if found := self.find(name, revision):
            now = found[0].commits.get(found[1], {})
            self.say({"files": [{"path": file["path"], "uploadMode": "lfs" if is_large(file["path"]) else "regular", "shouldIgnore": False,
                                 "oid": self.oid(file["path"], now)} for file in json.loads(self.body)["files"]]})

    @staticmethod
    def oid(path: str, files: dict[str, bytes]) -> str | None:
        if path not in files:
            return None
        return sha256(files[path]) if is_large(path) else git_sha1(files[path])

    def batch(self) -> None:
        self.say({"transfer": "basic", "objects": [
            {"oid": one["oid"], "size": one["size"], **({} if one["oid"] in self.hub.objects else {
                "actions": {"upload": {"href": f"{self.hub.cdn}/put/{one['oid']}"}}})} for one in json.loads(self.body)["objects"]]})

    def put(self, oid: str) -> None:
        if sha256(self.body) != oid:
            self.refuse(400, "", "The checksum does not match")
            return
        self.hub.objects[oid] = self.body
        self.send(b"")

    def commit(self, name: list[str], revision: str) -> None:
        if not (found := self.find(name, revision)):
            return
        repository, commit = found
        files = dict(repository.commits.get(commit, {}))
        for line in self.body.splitlines():
            key, value = (row := json.loads(line))["key"], row["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif key == "deletedFile":
                files.pop(value["path"], None)
        made = repository.commit(files, revision)
        self.say({"success": True, "commitOid": made, "commitUrl": f"{self.hub.endpoint}/{repository.id}/commit/{made}", "hookOutput": ""})


def handler(hub: HubServer) -> type[Handler]:
    return type("HubHandler", (Handler,), {"hub": hub})
