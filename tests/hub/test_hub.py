"""The test Hub is one for the real clients: huggingface_hub, diffusers and transformers."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from tests.hub import HubServer
from tests.hub.repository import git_sha1, sha256

ROOT = Path(__file__).parents[2]
FILES = {"config.json": b'{"a": 1}', "unet/weights.safetensors": bytes(range(256)) * 900, "README.md": b"# A model\n"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield server
    assert not server.leaks()


def test_what_the_client_asks_about(hub: HubServer) -> None:
    commit = hub.add("me/one", FILES, likes=7, gated="auto")
    hub.add("you/two", FILES, likes=9, licence="mit", tags=["diffusers"])
    api = HfApi(endpoint=hub.endpoint)
    info: Any = api.model_info("me/one", files_metadata=True)
    assert (info.sha, info.likes, info.gated, info.card_data["license"]) == (commit, 7, "auto", "apache-2.0")
    large = next(file for file in info.siblings if file.rfilename == "unet/weights.safetensors")
    assert (large.size, large.lfs.sha256) == (len(FILES["unet/weights.safetensors"]), sha256(FILES["unet/weights.safetensors"]))
    assert [model.id for model in api.list_models(sort="likes")] == ["you/two", "me/one"]
    assert [model.id for model in api.list_models(search="TWO", filter=["diffusers", "license:mit"])] == ["you/two"]


def test_a_listing_comes_in_pages(hub: HubServer) -> None:
    hub.page = 2
    commit = hub.add("me/one", FILES)
    tree: dict[str, Any] = {row.path: row for row in HfApi(endpoint=hub.endpoint).list_repo_tree("me/one", recursive=True, revision=commit)}
    assert set(tree) == {*FILES, "unet"} and hub.asked()["listing"] == 2
    assert tree["config.json"].blob_id == git_sha1(FILES["config.json"]) and tree["unet/weights.safetensors"].lfs.size == 230400


def test_the_client_downloads(hub: HubServer, tmp_path: Path) -> None:
    hub.add("me/one", FILES)
    path = hf_hub_download("me/one", "unet/weights.safetensors", endpoint=hub.endpoint, cache_dir=tmp_path, token=hub.token)
    assert Path(path).read_bytes() == FILES["unet/weights.safetensors"]
    assert next(seen for seen in hub.log if seen.phase == "big").host.startswith("localhost")
    folder = Path(snapshot_download("me/one", endpoint=hub.endpoint, cache_dir=tmp_path / "all"))
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == FILES


def test_the_client_knows_the_refusals(hub: HubServer, tmp_path: Path) -> None:
    hub.add("me/one", FILES)
    hub.add("me/gated", FILES, gated="manual")
    api = HfApi(endpoint=hub.endpoint)
    here: dict[str, Any] = {"endpoint": hub.endpoint, "cache_dir": tmp_path}
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("me/none")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("me/one", revision="nope")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("me/one", "absent.json", **here)
    with pytest.raises(GatedRepoError):
        hf_hub_download("me/gated", "config.json", **here)
    hub.fault("info", "500")
    with pytest.raises(HfHubHTTPError):
        api.model_info("me/one")


def test_the_client_uploads(hub: HubServer, tmp_path: Path) -> None:
    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    api.create_repo("me/new", private=True)
    made = api.upload_folder(repo_id="me/new", folder_path=tmp_path)
    assert made.commit_url == f"{hub.endpoint}/me/new/commit/{made.oid}"
    repository = hub.repositories["me/new"]
    assert repository.private and repository.commits[made.oid] == FILES
    assert {"create", "preupload", "batch", "put", "commit"} <= set(hub.asked())
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.endpoint, token=False).model_info("me/new")


LOADS = """
import os, sys
from pathlib import Path
from tests.hub import HubServer
with HubServer() as hub:
    os.environ.update(HF_ENDPOINT=hub.endpoint, HF_HOME=sys.argv[1] + "/home", HF_HUB_DISABLE_TELEMETRY="1")
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
    from transformers import CLIPTextConfig, CLIPTextModel
    unet = UNet2DModel(sample_size=16, block_out_channels=(8,) * 4, layers_per_block=1, norm_num_groups=4)
    text = CLIPTextModel(CLIPTextConfig(vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2))
    for name, model in {"me/ddpm": DDPMPipeline(unet, DDPMScheduler()), "me/clip": text}.items():
        folder = Path(sys.argv[1], name)
        model.save_pretrained(folder)
        hub.add(name, {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    pipeline = DDPMPipeline.from_pretrained("me/ddpm", use_safetensors=True)
    again = CLIPTextModel.from_pretrained("me/clip", use_safetensors=True)
    assert all(torch.equal(a, b) for a, b in zip(unet.parameters(), pipeline.unet.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(text.parameters(), again.parameters()))
    assert hub.asked()["big"] == 2 and not hub.asked()["other"], hub.asked()
"""


@pytest.mark.long
def test_diffusers_and_transformers_load_from_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOADS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
