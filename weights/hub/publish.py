"""A trained run as a model on the Hub: weights, configuration and card, so that it loads again by its id."""
from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, get_token, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import logging
from huggingface_hub.utils._http import default_client_factory

from weights.catalog import FILE, card_in, described
from weights.check.verify import WeightsError, check_numbers
from weights.hub.client import HUB, Hub, HubError
from weights.hub.remote import OWN_TAG, named

_ONE = threading.Lock()            # the library has one client for the whole process


def push(run_file: Path, repo: str, *, private: bool = True, licence: str = "apache-2.0", samples: Mapping[str, bytes] | None = None,
         hub: Hub = HUB) -> str:
    """Upload a run's weights with their configuration and card (the .md beside them); the address of the commit.

    `samples` are PNG pictures by what they show; they stand in the card. The repository is made if there is none.
    Raises WeightsError for weights without a description, HubError for what the Hub says.
    """
    model = described(run_file)
    family = model["family"]
    check_numbers(run_file)
    repo, pictures = named(repo, hub), {f"samples/{n}.png": picture for n, picture in enumerate((samples or {}).values())}
    text = card(run_file, repo, family, licence, dict(zip(samples or {}, pictures, strict=True)))
    if "/" not in repo:
        raise HubError(f"{repo!r} does not say whose model it is; write it as user/name.")
    if not get_token():
        raise HubError("Publishing needs a token of yours that may write; sign in with `hf auth login`.")
    hub.json("/api/whoami-v2", "your token")                   # a Hub that is not there says so at once
    with run_file.open("rb") as file, _patient(hub, repo):     # an open file goes the plain way, without the client's other storage
        api = HfApi(endpoint=hub.endpoint)
        api.create_repo(repo, private=private, exist_ok=True)
        return api.create_commit(repo, [
            CommitOperationAdd(FILE, file),
            # "config" is where PyTorchModelHubMixin, the Hub's own way for networks of no library, looks for a network's arguments
            CommitOperationAdd("config.json", json.dumps({"sextant": model, "config": model.get("config", {})}, indent=1).encode()),
            CommitOperationAdd("README.md", text.encode()),
            *(CommitOperationAdd(path, picture) for path, picture in pictures.items()),
        ], commit_message=f"{run_file.parent.name or run_file.stem} by sextant").commit_url


def card(run_file: Path, repo: str, family: str, licence: str, samples: Mapping[str, str]) -> str:
    """The model card: the one beside the weights, or a short one, under the facts that the Hub reads; `samples`: captions with paths."""
    text = card_in(run_file.with_suffix(".md")) or f"# {repo.split('/')[-1]}\n\nA model of the family `{family}`.\n"
    text = re.sub(r"\A---\r?\n.*?\n---\r?\n", "", text, flags=re.DOTALL).strip()
    plain = {re.sub(r"[^\w ,.-]", "", caption): path for caption, path in samples.items()}
    shown = "".join(f"\n![{caption}]({path})\n" for caption, path in plain.items())
    return (f"---\nlicense: {licence}\nlibrary_name: {OWN_TAG}\ntags:\n- {OWN_TAG}\n- {family}\n---\n\n{text}\n"
            + (f"\n## Samples\n{shown}" if shown else "") + f"\n## How to use it\n\nDownload `{repo}` on the Models page of the program.\n")


class _Patient(httpx2.HTTPTransport):
    """Ends the client's own tries when nothing has worked for `seconds`: it would go on for minutes with a Hub that is silent."""

    def __init__(self, repo: str, seconds: float) -> None:
        super().__init__()
        self.repo, self.seconds = repo, seconds
        self.failing: float | None = None                      # since when

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.failing is not None and time.monotonic() - self.failing > self.seconds:
            raise HubError(f"The Hub does not answer while {self.repo} is published; try again later.", True)
        good = False
        try:
            response = super().handle_request(request)
            good = response.status_code < 500 and response.status_code != 429
            return response
        finally:
            self.failing = None if good else self.failing or time.monotonic()


@contextmanager
def _patient(hub: Hub, repo: str) -> Iterator[None]:
    """The library's client with a time limit, and its errors as sentences."""
    def client() -> httpx2.Client:
        usual = default_client_factory()
        return httpx2.Client(event_hooks=usual.event_hooks, follow_redirects=True, timeout=hub.limit, transport=_Patient(repo, hub.limit))
    with _ONE:
        loudness = logging.get_verbosity()
        logging.set_verbosity_error()                          # it says every try, and which way the files go
        set_client_factory(client)
        try:
            yield
        except WeightsError:
            raise
        except Exception as error:
            raise _sentence(error, hub, repo) from error
        finally:
            set_client_factory(default_client_factory)
            logging.set_verbosity(loudness)


def _sentence(error: BaseException, hub: Hub, repo: str) -> HubError:
    """What the library's error means; it wraps some in others."""
    if isinstance(error, HubError):
        return error
    response: Any = getattr(error, "response", None)
    if isinstance(error, HfHubHTTPError) and response is not None:
        if response.status_code == 403:
            return HubError(f"Your token may not write to {repo}; use a name under your own account and a token that may write "
                            "(`hf auth login`).")
        return hub.refusal(response, repo)
    if error.__cause__ is not None and not isinstance(error, httpx2.HTTPError):
        return _sentence(error.__cause__, hub, repo)
    if isinstance(error, httpx2.HTTPError):
        return HubError(f"The connection to the Hub broke while {repo} was published; try again.", True)
    return HubError(f"The Hub did not take {repo} as it was sent ({str(error)[:120]!r}); try again later.")
