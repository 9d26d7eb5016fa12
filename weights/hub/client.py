"""How the Hub is asked: time limits, tokens, and one sentence for every way in which it can fail.

Answers of the Hub's interface are taken from its own host alone; files may come from anywhere (its CDN), because their checksums
stand in those answers.
"""
from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx2
from huggingface_hub import constants, get_token
from huggingface_hub.utils import parse_ratelimit_headers

from weights.check.verify import WeightsError

MAX_ANSWER = 64 * 2**20            # bytes of an answer of the Hub's interface


class HubError(WeightsError):
    """What the Hub said, or that it said nothing; the message is one sentence for the user."""

    def __init__(self, sentence: str, temporary: bool = False, after: float | None = None) -> None:
        super().__init__(sentence)
        self.temporary = temporary           # it may answer when it is asked again,
        self.after = after                   # and wants so many seconds to pass first


class Blob(NamedTuple):
    """What the Hub says about a file: its bytes, and its SHA-256 (large files) or git SHA-1 (small ones)."""
    size: int
    digest: str


def digests(blocks: Iterable[bytes], size: int) -> tuple[str, str]:
    """(SHA-256, git SHA-1) of a content that has `size` bytes."""
    plain, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
    for block in blocks:
        plain.update(block)
        git.update(block)
    return plain.hexdigest(), git.hexdigest()


def proxies() -> list[str]:
    """The environment variables that say by which way the network is reached; what they say may hold a password."""
    known = ("all_proxy", "http_proxy", "https_proxy", "no_proxy")
    return sorted(name for name, value in os.environ.items() if name.lower() in known and value)


class Hub:
    """Where the Hub is, and how long one call may take."""

    def __init__(self, endpoint: str = constants.ENDPOINT, limit: float = 10.0) -> None:
        self.endpoint, self.limit = endpoint.rstrip("/"), limit

    @cached_property
    def client(self) -> httpx2.Client:
        """Raises HubError if the environment names a proxy that it cannot use."""
        try:
            return httpx2.Client(follow_redirects=True, max_redirects=5, headers={"User-Agent": "sextant", "Accept-Encoding": "identity"})
        except (ImportError, ValueError, httpx2.InvalidURL) as error:                  # the first is said of SOCKS
            raise HubError(f"The Hub cannot be asked through the proxy that is set ({', '.join(proxies()) or 'in the system'}); only "
                           "proxies like http://host:port can be used, so change it, or unset it where none is needed.") from error

    @contextmanager
    def ask(self, path: str, repo: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
            limit: float | None = None) -> Iterator[httpx2.Response]:
        """An open response with a good status; `limit` is how long it may be silent. Raises HubError, also while it is read.

        The token goes to the Hub alone: the client takes it off when it is sent on to another host.
        """
        if constants.is_offline_mode():
            raise HubError("The Hub is not asked because HF_HUB_OFFLINE is set; unset it to search and download.")
        token, limit = get_token(), limit or self.limit
        try:
            with self.client.stream("GET", self.endpoint + path, params=params, timeout=limit,
                                    headers={**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}) as response:
                if response.status_code >= 400:
                    raise self.refusal(response, repo)
                yield response
        except httpx2.TimeoutException as error:
            raise HubError(f"The Hub did not answer within {limit:.2g} s about {repo}; check the network and try again.", True) from error
        except httpx2.TooManyRedirects as error:
            raise HubError(f"The Hub sent the question about {repo} round in circles; try again later.") from error
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            way = f" through the proxy that is set ({', '.join(proxies())})" if proxies() else ""
            raise HubError(f"The Hub ({urlsplit(self.endpoint).hostname}) cannot be reached{way}; check the network and try again; models "
                           "that are here work without it.", True) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise HubError(f"The connection to the Hub broke while it answered about {repo}; try again.", True) from error

    def refusal(self, response: httpx2.Response, repo: str) -> HubError:
        """The sentence for an answer that is an error."""
        status, code = response.status_code, response.headers.get("X-Error-Code")
        message = response.headers.get("X-Error-Message", "")
        if code == "GatedRepo":
            token = "with the account of your token" if get_token() else "and sign in with `hf auth login`"
            return HubError(f"{repo} is gated; accept its conditions at {self.endpoint}/{repo} {token}, then try again.")
        if code == "RevisionNotFound":
            return HubError(f"{repo} has no such revision; name one of its branches, tags or commits.")
        if code == "EntryNotFound":
            return HubError(f"A file of {repo} is not on the Hub; try another revision.")
        if message.startswith("Invalid credentials"):
            return HubError("The Hub does not accept your token; sign in again with `hf auth login`.")
        if status == 403:
            return HubError(f"The Hub does not give {repo} to you; look at {self.endpoint}/{repo} whether it is disabled or needs access.")
        if code == "RepoNotFound" or status in (401, 404):
            return HubError(f"The Hub has no model {repo}, or it is private; check the name, and if it is yours sign in with "
                            "`hf auth login`.")
        if status == 429:
            after = _after(response)
            return HubError(f"The Hub has had too many requests from here; try again in {after or 60:.0f} s.", True, after)
        if status >= 500 or status == 408:
            return HubError(f"The Hub has an error of its own ({status}) and did not answer about {repo}; try again later.", True,
                            _after(response))
        return HubError(f"The Hub refused the question about {repo} ({status}); check the name and the revision.")

    def json(self, path: str, repo: str, params: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        """(what the Hub's interface answers, the path of the next page or "")."""
        with self.ask(path, repo, params=params) as response:
            host = response.url.host
            if host != urlsplit(self.endpoint).hostname:
                raise HubError(f"The question about {repo} was sent on to {host}, which is not the Hub and is not believed; check the "
                               "network and HF_ENDPOINT.")
            text = self.body(response, repo, MAX_ANSWER)
            link = str(response.links.get("next", {}).get("url", ""))
        try:
            return json.loads(text), link.removeprefix(self.endpoint) if link.startswith(self.endpoint + "/") else ""
        except (ValueError, RecursionError) as error:
            raise misunderstood(repo) from error

    def body(self, response: httpx2.Response, repo: str, most: int) -> bytes:
        """A whole body of at most so many bytes, within the time limit even if it trickles."""
        end, data = time.monotonic() + self.limit, bytearray()
        for block in response.iter_raw():
            data += block
            if len(data) > most:
                raise HubError(f"The Hub's answer about {repo} is longer than {most / 2**20:.0f} MiB, which is not a proper one; choose "
                               "another repository.")
            if time.monotonic() > end:
                raise HubError(f"The Hub did not finish its answer about {repo} within {self.limit:.2g} s; try again.", True)
        return bytes(data)


HUB = Hub()


def place(repo: str, commit: str, path: str) -> str:
    """Where the Hub has a file."""
    return f"/{repo}/resolve/{commit}/{quote(path)}"


def _after(response: httpx2.Response) -> float | None:
    """How many seconds the Hub wants to be left alone."""
    limits = parse_ratelimit_headers(response.headers)
    if limits is not None and limits.remaining == 0:
        return float(limits.reset_in_seconds)
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def misunderstood(repo: str) -> HubError:
    """For answers that are not what was asked for."""
    return HubError(f"The Hub's answer about {repo} is not in the form that was expected; try again later.", True)
