"""What ships with the project, by name."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import tiny
from weights import catalog
from weights.load import save


def test_a_file_that_knows_several_sets_is_listed_once_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BUNDLED", tmp_path)
    monkeypatch.setattr("pipelines.data.NAMES", ("shapes", "tiles"))
    net = tiny("gan")
    digest = save(tmp_path / "both.safetensors", net.state_dict(), {
        "family": "gan", "title": "both", "config": net.config.to_dict(), "data_sets": ["shapes", "tiles"]})
    (tmp_path / "catalog.json").write_text(json.dumps({"both": digest, "tiles-gan": {"file": "both", "data_set": "tiles"}}))
    both, tiles = catalog.entries()
    assert both.path == tiles.path and both.expected == tiles.expected == digest
    assert both.data_sets == ("shapes", "tiles") and tiles.data_sets == ("tiles",)
    tiles.check()
