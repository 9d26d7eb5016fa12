"""The models page's back: what is here, from the Hub, the user's own; memory; publishing; all of it in sentences."""
from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from app.device import model_cache
from app.drawing.ask import Ask
from app.errors import UserError, sentences
from app.grids.ask import GridAsk
from app.paths import Paths
from app.service import Service
from tests.hub.server import HubServer
from tests.weights import tiny_models
from weights.hub.download import ACTIVE

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path):
    made = Service(Paths(tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def sd(tmp_path: Path) -> Path:
    tiny_models.sd(tmp_path / "tiny-sd")
    return tmp_path / "tiny-sd"


def drawn(service: Service, ask: Ask):
    view = service.wait(service.generate(ask), 240)                                          # a guard against hanging
    assert view.status == "done", view.error
    return view


def ended(service: Service, grid: str) -> dict[str, Any]:
    assert service.grids.find(grid).job.finished.wait(240)                                   # a guard against hanging, as above
    return service.grids.view(grid)


def fetched(service: Service) -> dict[str, Any]:
    """The latest download when it is at an end."""
    while (view := service.library.in_progress()[0])["status"] in ACTIVE:
        time.sleep(0.01)
    assert view["status"] == "done", view["error"]
    return view


def test_a_folder_of_ones_own_draws_compares_and_is_forgotten(service: Service, sd: Path) -> None:
    name = service.library.add(str(sd))
    row = next(row for row in service.library.listing() if row["name"] == name)
    assert (row["source"], row["family"], row["size"], row["problem"], row["resident"]) == ("local", "diffusion", 32, None, 0)
    ask = Ask("diffusion", "a red star", model=name, options={"steps": 3}, count=2)
    assert service.check(ask).nfe == 6 == drawn(service, ask).calls                        # guidance doubles them
    picture = service.gallery.page(family="diffusion").items[0]
    assert picture.model == name and service.reproduction.picture(picture.id)["verdict"] in ("bit-exact", "within tolerance")
    grid = service.grids.start(GridAsk(Ask("diffusion", "a red star", count=1), f"model={name},shapes-diffusion", "sampler=ddim,euler",
                                       distance=False))
    assert [cell["status"] for cell in ended(service, grid)["cells"]] == ["done"] * 4
    assert service.library.unload(name) > 0 == service.library.unload(name)
    assert service.library.remove(name) == 0 and sd.exists()
    with pytest.raises(sentences(), match="There is no model"):
        service.generate(ask)


def test_a_folder_that_is_no_model_is_not_searched(service: Service, tmp_path: Path) -> None:
    import os
    (tmp_path / "deep" / "down").mkdir(parents=True)
    os.mkfifo(tmp_path / "deep" / "down" / "pipe")
    with pytest.raises(sentences(), match="neither a model_index.json nor a config.json.*choose the folder"):
        service.library.add(str(tmp_path))


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "~\0", "\0", "a\ud800", "x" * 9999, "/" + "x/" * 3000, "~\udcff/x", "\n", "  ",
                                  "CON"])
def test_a_path_that_is_none_is_a_sentence(service: Service, path: str) -> None:
    for base in ("", "shapes-gan", "\ud800"):
        with pytest.raises(sentences()) as said:
            service.library.add(path, base)
        assert str(said.value).isprintable() and str(said.value).endswith(".") and len(str(said.value)) < 1000


def test_sizes_and_samplers_are_the_models_own(service: Service, sd: Path) -> None:
    name = service.library.add(str(sd))
    view = drawn(service, Ask("diffusion", "a red star", model=name, options={"steps": 2}, count=1, width=48, height=16))
    assert service.gallery.picture(view.shots[0].id).facts["Size"] == "48 × 16 px"
    for ask, sentence in ((Ask("diffusion", "a star", width=64), "draws pictures of 32 by 32 pixels"),
                          (Ask("diffusion", "a star", model=name, sampler="rk4"), "There is no sampler 'rk4' in Stable Diffusion"),
                          (Ask("flow", "a star", model=name), "belongs to the family diffusion")):
        with pytest.raises(sentences(), match=sentence):
            service.check(ask)
    failed = service.wait(service.generate(Ask("diffusion", "a star", model=name, width=49)), 240)
    assert failed.status == "failed" and "multiple of" in str(failed.error)
    with pytest.raises(sentences(), match="does not know this project's captions"):
        service.evaluate(Ask("diffusion", "", model=name, count=8), "test", lambda done, total: None)


def test_memory_holds_what_fits_and_says_what_does_not(service: Service, sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [service.library.add(str(sd)), service.library.add(str(tiny_models_ddpm(sd.parent)))]
    sizes = {}
    for name in names:
        drawn(service, Ask("diffusion", "a star", model=name, options={"steps": 1}, count=1))
        sizes[name] = service.machine.cache.bytes()[name]
    total = sum(sizes.values())
    monkeypatch.setattr(model_cache, "SHARE", 0.99 * total / service.machine.room()[1] * model_cache.SHARE)
    for name in names * 2:
        service.library.unload(name)
        drawn(service, Ask("diffusion", "a star", model=name, options={"steps": 1}, count=1))
        assert sum(service.machine.cache.bytes().values()) < total
    monkeypatch.setattr(model_cache, "SHARE", 1e-12)
    service.library.unload(names[0])
    view = service.wait(service.generate(Ask("diffusion", "a star", model=names[0], options={"steps": 1}, count=1)), 240)
    assert view.status == "failed" and "GiB of memory for its weights" in str(view.error)


def finished_grid(service: Service, models: str, samplers: str = "ddim") -> list[tuple[str, str | None]]:
    grid = service.grids.start(GridAsk(Ask("diffusion", "a star", count=1, options={"steps": 2}), f"model={models}", f"sampler={samplers}",
                                       distance=False))
    return [(cell["status"], cell.get("error")) for cell in ended(service, grid)["cells"]]


def test_models_of_a_grid_that_do_not_fit_together_come_one_after_the_other(service: Service, sd: Path,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    names = [service.library.add(str(sd)), service.library.add(str(tiny_models_ddpm(sd.parent)))]
    assert finished_grid(service, ",".join(names)) == [("done", None)] * 2
    sizes = service.machine.cache.bytes()
    for name in names:
        service.library.unload(name)
    room = max(sizes.values()) + 1000
    monkeypatch.setattr(model_cache, "SHARE", room / service.machine.room()[1] * model_cache.SHARE)
    most, load = [0], model_cache.ModelCache.load

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        found = load(self, *arguments, **named)
        most[0] = max(most[0], sum(self.bytes().values()))
        return found

    monkeypatch.setattr(model_cache.ModelCache, "load", watched)
    assert finished_grid(service, ",".join(names), "ddim,euler,dpmpp_2m") == [("done", None)] * 6
    assert 0 < most[0] <= room
    # What another job holds cannot be taken.
    monkeypatch.setattr(service.machine, "_needed", lambda: {names[1]})
    drawn(service, Ask("diffusion", "a star", model=names[1], options={"steps": 1}, count=1))
    ((status, error),) = finished_grid(service, names[0])
    assert status == "failed" and f"too much is in use by what is drawing now ({names[1]})" in str(error)


def tiny_models_ddpm(folder: Path) -> Path:
    tiny_models.ddpm(folder / "tiny-ddpm")
    return folder / "tiny-ddpm"


def test_a_lora_is_a_model_of_its_own(service: Service, sd: Path, tmp_path: Path) -> None:
    """Beside the model that it changes, so that both stand in one grid."""
    import numpy as np
    import torch
    from PIL import Image
    from safetensors.torch import save_file
    name = service.library.add(str(sd))
    shapes = {key: z.shape for key, z in tensors(sd / "unet").items() if key.endswith(("attn2.to_q.weight", "attn2.to_v.weight"))}
    low = {f"unet.{key.removesuffix('.weight')}.lora_{part}.weight": torch.randn(size, generator=torch.Generator().manual_seed(1))
           for key, (rows, columns) in shapes.items() for part, size in (("A", (2, columns)), ("B", (rows, 2)))}
    save_file(low, tmp_path / "fine.safetensors")
    with pytest.raises(sentences(), match="is a LoRA"):
        service.library.add(str(tmp_path / "fine.safetensors"))
    with pytest.raises(sentences(), match="Scale must be"):
        service.library.add(str(tmp_path / "fine.safetensors"), name, 99)
    with pytest.raises(sentences(), match="takes no LoRA"):
        service.library.add(str(tmp_path / "fine.safetensors"), "shapes-diffusion")
    changed = service.library.add(str(tmp_path / "fine.safetensors"), name, 0.5)
    shots = [drawn(service, Ask("diffusion", "a red star", model=model, options={"steps": 3}, count=1)).shots[0]
             for model in (name, changed)]
    assert shots[0].settings["model_sha256"] != shots[1].settings["model_sha256"]
    plain, other = (np.asarray(Image.open(shot.path), dtype=int) for shot in shots)
    assert np.abs(plain - other).max() > 0
    service.library.remove(name)
    assert next(row for row in service.library.listing() if row["name"] == changed)["problem"]
    assert service.library.listing()[0]["problem"] is None
    with pytest.raises(sentences(), match="no longer here"):
        service.generate(Ask("diffusion", "a red star", model=changed))


def tensors(folder: Path):
    from safetensors.torch import load_file
    return load_file(next(folder.glob("*.safetensors")))


def test_from_the_hub_to_a_picture_and_away(service: Service, sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weights.hub import client as weights_hub
    files = {path.relative_to(sd).as_posix(): path.read_bytes() for path in sd.rglob("*") if path.is_file()}
    with HubServer() as server:
        server.add("someone/tiny-sd", files)
        monkeypatch.setattr(weights_hub.HUB, "endpoint", server.endpoint)
        assert [found["id"] for found in service.library.search("tiny")] == ["someone/tiny-sd"]
        assert service.library.search("tiny", most_gb=1) and not service.library.search("tiny", most_gb=1e-6)
        assert service.library.search("tiny", likes=3, downloads="1000")
        assert not service.library.search("tiny", likes=4) and not service.library.search("tiny", downloads=1001)
        with pytest.raises(sentences(), match="Likes must be"):
            service.library.search("tiny", likes="many")
        looked = service.library.info("someone/tiny-sd")
        assert looked["problem"] is None and looked["adapter"] == "sd" and looked["fits"]
        assert looked["bytes"] <= sum(map(len, files.values()))
        job = service.library.download("someone/tiny-sd")
        assert fetched(service)["id"] == job
        assert service.library.newer("someone/tiny-sd") == {"commit": None, "revision": ""}
    assert drawn(service, Ask("diffusion", "a star", model="someone/tiny-sd", options={"steps": 1}, count=1)).shots      # the Hub is gone
    service.library.verify("someone/tiny-sd")
    service.library.unload("someone/tiny-sd")
    weights = next(service.paths.models.rglob("unet/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8] + bytes(8))                                # the same size, and not the same
    view = service.wait(service.generate(Ask("diffusion", "a star", model="someone/tiny-sd", options={"steps": 1}, count=1)), 240)
    assert view.status == "failed" and "has changed since it was downloaded; remove the model" in str(view.error)
    assert service.library.remove("someone/tiny-sd") > 0
    assert all(row["name"] != "someone/tiny-sd" for row in service.library.listing())
    monkeypatch.setattr(weights_hub.HUB, "endpoint", "http://127.0.0.1:9")
    with pytest.raises(sentences(), match="cannot be reached"):
        service.library.search("tiny")


def test_a_second_commit_leaves_the_first_its_name(service: Service, sd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was made with it goes on meaning it: a LoRA, a picture. A branch's newer commit is fetched from there."""
    from safetensors.torch import load_file, save_file

    from weights.hub import client as weights_hub
    files = {path.relative_to(sd).as_posix(): path.read_bytes() for path in sd.rglob("*") if path.is_file()}
    down, up = torch.randn(2, 32), torch.randn(32, 2)
    query = next(name for name in load_file(sd / "unet" / "diffusion_pytorch_model.safetensors") if name.endswith("attn2.to_q.weight"))
    save_file({f"unet.{query[:-7]}.lora_A.weight": down, f"unet.{query[:-7]}.lora_B.weight": up}, tmp_path / "low.safetensors")
    with HubServer() as server:
        monkeypatch.setattr(weights_hub.HUB, "endpoint", server.endpoint)

        def downloaded(revision: str = "") -> str:
            service.library.download("me/sd", revision)
            return str(fetched(service)["commit"])

        first = server.add("me/sd", files)
        assert downloaded(first) == first                                                      # asked for by its number
        low = service.library.add(str(tmp_path / "low.safetensors"), "me/sd")
        ask = Ask("diffusion", "a star", model="me/sd", options={"steps": 1}, count=1)
        drawn(service, ask)
        second = server.add("me/sd", files | {"README.md": b"later"})
        assert service.library.newer("me/sd") == {"commit": second, "revision": ""} and downloaded() == second
        rows = {row["name"]: row for row in service.library.listing() if row["source"] != "bundled"}
        assert set(rows) == {"me/sd", f"me/sd@{second[:8]}", low} and not rows[low]["problem"]
        assert rows["me/sd"]["commit"] == first and rows[low]["bytes"] == (tmp_path / "low.safetensors").stat().st_size
        drawn(service, ask)
        assert service.library.remove("me/sd") > 0 and service.library.drawable("me/sd").name == "me/sd"      # which is now the second
        third = server.add("me/sd", files | {"README.md": b"half"}, branch="fp16")
        assert downloaded("fp16") == third
        fourth = server.add("me/sd", files | {"README.md": b"half, later"}, branch="fp16")
        assert service.library.newer(f"me/sd@{third[:8]}") == {"commit": fourth, "revision": "fp16"}


def test_loading_stops_when_it_is_asked_to(service: Service, sd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.hub import load
    name, part, began, go_on = service.library.add(str(sd)), load.part, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        began.set()
        assert go_on.wait(240)
        return part(*arguments)

    drawn(service, Ask("flow", "a star", options={"steps": 1}, count=1))
    monkeypatch.setattr(load, "part", slow)
    job = service.generate(Ask("diffusion", "a star", model=name, options={"steps": 1}, count=1))
    assert began.wait(240)
    drawn(service, Ask("flow", "a star", options={"steps": 1}, count=1))
    assert name not in service.machine.cache.names()                                     # one that is there waits for no other
    service.stop(job)
    go_on.set()
    view = service.wait(job, 240)
    assert view.status == "stopped" and "while the model was loaded" in view.note and name not in service.machine.cache.names()
    began.clear()
    go_on.clear()
    grid = service.grids.start(GridAsk(Ask("diffusion", "a star", count=1, options={"steps": 1}), f"model={name}", "sampler=ddim,euler",
                                       distance=False))
    assert began.wait(240)
    service.stop(next(job.id for job in service.artist.jobs.all() if job.grid_id == grid))
    go_on.set()
    assert ended(service, grid)["status"] == "stopped" and name not in service.machine.cache.names()


def test_models_leave_the_memory_of_none(service: Service, sd: Path) -> None:
    """Loading and unloading in turn: the tensors that the process holds do not become more by a single model."""
    import gc
    name, held = service.library.add(str(sd)), []
    for _ in range(4):
        drawn(service, Ask("diffusion", "a star", model=name, options={"steps": 1}, count=1))
        size = service.machine.cache.bytes()[name]
        service.library.unload(name)
        gc.collect()
        held.append(_tensors())
    assert max(held) - min(held) < size


def _tensors() -> int:
    """Bytes of all that Python knows of."""
    import gc
    return sum(z.untyped_storage().nbytes() for z in gc.get_objects() if issubclass(type(z), torch.Tensor))


def test_a_run_is_published_and_draws_again_by_its_id(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.tiny import tiny_diffusion
    from weights.hub import client as weights_hub
    from weights.load import save
    net = tiny_diffusion()
    file = service.paths.runs / "mine" / "model.safetensors"
    file.parent.mkdir(parents=True)
    save(file, net.state_dict(), {"family": "diffusion", "title": "mine", "config": net.config.to_dict()})
    with HubServer() as server:
        monkeypatch.setattr(weights_hub.HUB, "endpoint", server.endpoint)
        monkeypatch.setenv("HF_TOKEN", server.token)
        assert "me/mine" in service.publish_model("mine", "me/mine")
        service.library.download("me/mine")
        fetched(service)
    pictures = [drawn(service, Ask("diffusion", "a star", model=model, options={"steps": 2}, count=1)).shots[0]
                for model in ("mine", "me/mine")]
    assert pictures[0].settings["model_sha256"] == pictures[1].settings["model_sha256"]
    service.library.unload("mine")                                              # the same weights stay for the other name
    drawn(service, Ask("diffusion", "a star", model="me/mine", options={"steps": 1}, count=1))
    with pytest.raises(UserError, match="is no run of your own"):
        service.publish_model("shapes-gan", "me/mine")
