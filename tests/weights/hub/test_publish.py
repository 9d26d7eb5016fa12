"""A run that is published can be looked at, downloaded and loaded by its id."""
from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import load_file

from pipelines.gan.network import GAN, GANConfig
from tests.hub import HubServer
from tests.hub.server import SILENCE
from weights.catalog import entries, find
from weights.check.preflight import inspected
from weights.check.verify import WeightsError, read_header, sha256
from weights.hub.client import Hub
from weights.hub.download import Downloads, installed
from weights.hub.fetch import Patience
from weights.hub.publish import push
from weights.hub.remote import HubError, info, search
from weights.load import save

LIMIT, SHORT = 20.0, 0.4           # seconds that the Hub may be silent: where it is not, and where something is wrong on purpose
MODEL = {"family": "gan", "title": "Small GAN", "config": {"width": 8}, "training": {"steps": 10}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished training run."""
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    save(folder / "model.safetensors", {"w": torch.arange(600.0)}, MODEL)
    (folder / "model.md").write_text("# first\n\nFamily `gan`, ten steps.\n", encoding="utf-8")
    return folder / "model.safetensors"


def pushed(hub: HubServer, run: Path, repo: str = "me/first", limit: float = LIMIT, **options: Any) -> str:
    return push(run, repo, hub=Hub(hub.endpoint, limit), **options)


def test_there_and_back(hub: HubServer, run: Path, tmp_path: Path) -> None:
    url = pushed(hub, run)
    repository = hub.repositories["me/first"]
    commit = repository.branches["main"]
    assert url == f"{hub.endpoint}/me/first/commit/{commit}" and repository.private
    files = repository.commits[commit]
    assert set(files) == {"model.safetensors", "config.json", "README.md"} and json.loads(files["config.json"]) == {
        "sextant": MODEL, "config": MODEL["config"]}
    assert files["README.md"].startswith(b"---\nlicense: apache-2.0\n") and b"ten steps" in files["README.md"]
    assert files["README.md"].decode().count("\n---\n") == 1

    asked = Hub(hub.endpoint, LIMIT)
    remote = info("me/first", hub=asked)
    assert remote.commit == commit and remote.card.startswith("# first\nFamily `gan`") and remote.plan().family == "gan"
    downloads = Downloads(tmp_path / "models", asked, patience=Patience(0.5, 0.01))
    id = downloads.start("me/first")
    hub.until(lambda: downloads.views()[0].status in ("done", "failed"))
    assert (downloads.views()[0].id, downloads.views()[0].error) == (id, "")
    (model,) = installed(tmp_path / "models")
    there = model.folder / "model.safetensors"
    assert sha256(there) == sha256(run) and json.loads(read_header(there)[1]["model"]) == MODEL
    assert inspected(model.folder).adapter == "own" and inspected(model.folder).title == "Small GAN"


def test_a_published_network_is_one_of_the_hubs_own_mixin(hub: HubServer, tmp_path: Path) -> None:
    class Published(GAN, PyTorchModelHubMixin):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(GANConfig.from_dict(config))

    bundled = find("shapes-gan", entries()).path
    pushed(hub, bundled, "me/gan")
    repository = hub.repositories["me/gan"]
    for name, data in repository.commits[repository.branches["main"]].items():
        (tmp_path / name).write_bytes(data)
    net = Published.from_pretrained(tmp_path)
    held = load_file(bundled)
    assert set(net.state_dict()) == set(held) and all(torch.equal(z.half(), held[name].half()) for name, z in net.state_dict().items())


@pytest.mark.slow
def test_again_is_a_new_commit_and_public_if_wanted(hub: HubServer, run: Path) -> None:
    first = pushed(hub, run, private=False, licence="mit")
    assert pushed(hub, run, private=False, licence="mit") == first and not hub.repositories["me/first"].private
    run.with_suffix(".md").write_text("---\nlicense: gpl\n---\n# another", encoding="utf-8")
    assert pushed(hub, run) != first and len(hub.repositories["me/first"].commits) == 2
    card = hub.repositories["me/first"].commits[hub.repositories["me/first"].branches["main"]]["README.md"]
    assert b"license: apache-2.0" in card and b"gpl" not in card
    assert [model.id for model in search("first", hub=Hub(hub.endpoint, LIMIT))] == ["me/first"]


def test_samples_stand_in_the_card(hub: HubServer, run: Path) -> None:
    pushed(hub, run, samples={"a red <b>circle</b>": b"png one", "ten steps, [eta](0)": b"png two"})
    files = hub.repositories["me/first"].commits[hub.repositories["me/first"].branches["main"]]
    assert files["samples/0.png"] == b"png one" and files["samples/1.png"] == b"png two"
    assert b"![a red bcircleb](samples/0.png)\n\n![ten steps, eta0](samples/1.png)" in files["README.md"]


def test_a_run_without_a_card_gets_one(hub: HubServer, run: Path) -> None:
    run.with_suffix(".md").unlink()
    pushed(hub, run)
    assert b"# first\n" in hub.repositories["me/first"].commits[hub.repositories["me/first"].branches["main"]]["README.md"]


def test_what_cannot_be_published(hub: HubServer, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.parent / "bad.safetensors").write_bytes(b"pickle")
    with pytest.raises(WeightsError, match="safetensors"):
        pushed(hub, run.parent / "bad.safetensors")
    from safetensors.torch import save_file
    save_file({"w": torch.ones(2)}, run.parent / "bare.safetensors")
    with pytest.raises(WeightsError, match="no description"):
        pushed(hub, run.parent / "bare.safetensors")
    for name in ("first", "a/b/c"):
        with pytest.raises(HubError, match="/name"):
            pushed(hub, run, name)
    assert not hub.log
    with pytest.raises(HubError, match="may not write to you/first"):
        pushed(hub, run, "you/first")
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(HubError, match="does not accept your token"):
        pushed(hub, run)
    monkeypatch.setattr("weights.hub.publish.get_token", lambda: None)
    with pytest.raises(HubError, match="hf auth login"):
        pushed(hub, run)
    assert not hub.repositories


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["whoami", "create", "yaml", "preupload", "batch", "put", "commit"])
@pytest.mark.parametrize("kind", ["401", "404", "429", "500", "hang", "truncated"])
def test_every_fault_is_a_sentence(hub: HubServer, run: Path, monkeypatch: pytest.MonkeyPatch, phase: str, kind: str) -> None:
    sleep = time.sleep                                             # the library's pauses at a tenth
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: sleep(seconds / 10))
    if (phase, kind) == ("put", "truncated"):                      # its answer has no body
        return
    hub.fault(phase, kind)
    began = time.monotonic()
    with pytest.raises(HubError) as caught:
        pushed(hub, run, limit=SHORT)
    sentence = str(caught.value)
    assert time.monotonic() - began < SILENCE / 2 and sentence.endswith(".") and "\n" not in sentence
    assert hub.token not in sentence and len(sentence) < 300
    made = [name for repository in hub.repositories.values() for name in repository.commits]
    assert not made or (phase, kind) == ("commit", "truncated")     # it was taken, and only the answer was lost
    hub.mend()
    assert pushed(hub, run).endswith(made[0] if made else "") and len(hub.repositories["me/first"].commits) == 1
