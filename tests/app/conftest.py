"""Small untrained models in place of those that ship with the project: enough wherever it does not matter what is on a picture."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.paths import Paths
from app.service import Service
from pipelines import registry
from tests.tiny import tiny
from weights import catalog
from weights.load import save


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the models that ship, each family's first under its name."""
    folder, listed = tmp_path_factory.mktemp("bundled"), dict[str, str]()
    for family in registry.NAMES:
        net: Any = tiny(family)
        listed[f"shapes-{family}"] = save(folder / f"shapes-{family}.safetensors", net.state_dict(),
                                          {"family": family, "title": f"small {family}", "config": net.config.to_dict()})
    (folder / "catalog.json").write_text(json.dumps(listed))
    return folder


@pytest.fixture
def small(small_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For one test these are the models that ship; their folder."""
    monkeypatch.setattr(catalog, "BUNDLED", small_models)
    return small_models


@pytest.fixture
def service(small: Path, tmp_path: Path) -> Iterator[Service]:
    """With small models and an empty data folder."""
    made = Service(Paths(tmp_path))
    yield made
    made.close()
