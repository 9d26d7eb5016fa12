"""A Hub for each test, with a token that it knows, and downloads from it."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import HubServer
from tests.weights.hub.downloading import LIMIT, Begin
from weights.hub.client import Hub
from weights.hub.download import Downloads
from weights.hub.fetch import Patience


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A test Hub that is running; whatever a test asks of it, the token goes to it alone."""
    monkeypatch.setenv("HF_TOKEN", "hf_test_token_of_this_hub")
    for name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HubServer() as server:
        yield server
    assert not server.leaks(), "the token was sent to another host"


@pytest.fixture
def begin(hub: HubServer, tmp_path: Path) -> Iterator[Begin]:
    """What makes a Downloads with little patience, as a process would that starts anew."""
    made = []

    def new(patience: float = 0.3, limit: float = LIMIT, **options: Any) -> Downloads:
        made.append(Downloads(tmp_path / "models", Hub(hub.endpoint, limit), patience=Patience(patience, 0.01, 0.1), **options))
        return made[-1]
    yield new
    for downloads in made:
        downloads.close()
