"""Whatever stands in the folders of models and runs: it is listed with its problem, and all else goes on."""
from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from safetensors.torch import load_file, save_file

from app.cli import main
from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import UserError, sentences
from app.models.models import Models
from app.paths import Paths
from app.service import Service
from app.ui.page import build_page
from app.web.api import routes
from pipelines import registry
from tests.tiny import tiny
from tests.weights import tiny_models
from tests.weights.check.hostile import benign, write
from weights import catalog
from weights.catalog import entries
from weights.hub.installed import ORIGIN

BUNDLED = len(entries())
GOOD = {"family": "gan", "title": "Good", "config": {"size": 32}}
TENSOR = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}
# What may stand where a file's header describes its network, and is none.
DESCRIPTIONS: dict[str, Any] = {
    "null": None, "list": [1], "number": 7, "text": "gan", "empty": {}, "true": True, "NaN": float("nan"),
    "no-config": {"family": "gan"}, "config-list": {**GOOD, "config": [1]}, "config-null": {**GOOD, "config": None},
    "family-unknown": {**GOOD, "family": "magic"}, "family-list": {**GOOD, "family": ["gan"]}, "family-null": {**GOOD, "family": None},
    "title-number": {**GOOD, "title": 5}, "title-null": {**GOOD, "title": None}, "title-empty": {**GOOD, "title": ""},
    "title-surrogate": {**GOOD, "title": "\ud800"}, "title-control": {**GOOD, "title": "\x1b[2J"},
    "title-long": {**GOOD, "title": "x" * 9999},
    "size-text": {**GOOD, "config": {"size": "32"}}, "size-huge": {**GOOD, "config": {"size": 10**30}},
    "size-list": {**GOOD, "config": {"size": [32]}}, "size-true": {**GOOD, "config": {"size": True}},
    "size-negative": {**GOOD, "config": {"size": -1}}, "flow-without-training": {**GOOD, "family": "flow"},
    "flow-training-list": {**GOOD, "family": "flow", "config": {"training": [1]}},
    "config-huge": {**GOOD, "config": {"width": 10**9}}, "config-layers": {**GOOD, "config": {"text": {"layers": 10**5}}},
    "config-long": {**GOOD, "config": {"widths": [8] * 999}}, "config-nan": {**GOOD, "config": {"width": float("nan")}},
    "training-list": {**GOOD, "training": [1]}, "training-images": {**GOOD, "training": {"images": "many"}},
    "training-from": {**GOOD, "training": {"from": ["a"]}}}
# What may stand where a header describes a tensor.
TENSORS: dict[str, Any] = {
    "tensor-number": 1, "tensor-null": None, "tensor-empty": {}, "dtype-list": {**TENSOR, "dtype": ["F16"]},
    "dtype-null": {**TENSOR, "dtype": None},
    "dtype-unknown": {**TENSOR, "dtype": "F17"}, "shape-text": {**TENSOR, "shape": "2"}, "shape-bool": {**TENSOR, "shape": [2, True]},
    "shape-negative": {**TENSOR, "shape": [-2, -1]}, "shape-huge": {**TENSOR, "shape": [10**4000]},
    "shape-huge-zero": {**TENSOR, "shape": [10**4000, 0], "data_offsets": [0, 0]}, "shape-float": {**TENSOR, "shape": [2.0]},
    "shape-many": {**TENSOR, "shape": [2] + [1] * 9999}, "offset-bool": {**TENSOR, "data_offsets": [False, 4]},
    "offset-float": {**TENSOR, "data_offsets": [0, 4.0]}, "offset-three": {**TENSOR, "data_offsets": [0, 4, 4]},
    "offset-huge": {**TENSOR, "shape": [10**300], "data_offsets": [0, 2 * 10**300]}}
# Whole files.
CONTENTS: dict[str, bytes] = {
    "nothing": b"", "short": b"\x08", "zeros": bytes(64), "text": b"not weights", "deep": struct.pack("<Q", 60_000) + b"[" * 60_000,
    "no-utf8": struct.pack("<Q", 4) + b'{"\xff"', "no-table": struct.pack("<Q", 2) + b"[]", "no-header": struct.pack("<Q", 2) + b"{}",
    "long": struct.pack("<Q", 2**63) + bytes(64)}
Listing = dict[str, dict[str, Any]]


def file_of(header: Any, data: bytes = bytes(4)) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def model(description: Any) -> bytes:
    return file_of({"__metadata__": {"model": json.dumps(description)}, "w": TENSOR})


FILES = {**{name: model(value) for name, value in DESCRIPTIONS.items()}, **CONTENTS,
         **{name: file_of({"__metadata__": {"model": json.dumps(GOOD)}, "w": value}) for name, value in TENSORS.items()},
         "model-deep": file_of({"__metadata__": {"model": "[" * 60_000}, "w": TENSOR}), "model-none": file_of({"w": TENSOR}),
         "metadata-list": file_of({"__metadata__": {"model": json.dumps(GOOD), "x": [1]}, "w": TENSOR})}


def record(repo: Any, commit: str, **more: Any) -> bytes:
    files = {"model.safetensors": {"size": 4, "sha256": "0" * 64}}
    return json.dumps({"repo": repo, "commit": commit, "revision": None, "licence": "mit", "files": files, **more}).encode()


COMMIT = "a" * 40
RECORDS: dict[str, bytes] = {
    "broken": b"{", "list": b"[1]", "null": b"null", "no-utf8": b"\xff", "deep": b"[" * 60_000, "empty": b"{}", "nothing": b"",
    "files-list": record("odd/files-list", COMMIT, files=[1]), "files-text": record("odd/files-text", COMMIT, files={"a": "b"}),
    "size-text": record("odd/size-text", COMMIT, files={"a": {"size": "4", "sha256": "0"}}),
    "size-huge": record("odd/size-huge", COMMIT, files={"a": {"size": 1e999, "sha256": "0"}}),
    "sum-null": record("odd/sum-null", COMMIT, files={"a": {"size": 4, "sha256": None}}),
    "repo-list": record(["odd/repo-list"], COMMIT), "repo-other": record("odd/another", COMMIT),
    "commit-other": record("odd/commit-other", "b" * 40), "revision-number": record("odd/revision-number", COMMIT, revision=7),
    "licence-list": record("odd/licence-list", COMMIT, licence=["mit"])}


def odd_runs(runs: Path) -> set[str]:
    """Runs that are none; the names by which they are to be listed."""
    names = set()
    for name, content in FILES.items():
        write(runs, {f"run-{name}/model.safetensors": content, f"kept-{name}/steps/5.safetensors": content})
        names |= {f"run-{name}", f"kept-{name}@5"}
    for name in ("odd", "-1", "1.5", "٣"):
        write(runs, {f"steps/steps/{name}.safetensors": model(GOOD)})
        names.add(f"steps@{name}")
    (runs / "folder" / "model.safetensors").mkdir(parents=True)
    (runs / "steps-file").mkdir()
    (runs / "steps-file" / "steps").write_text("no folder")
    (runs / "dangling").symlink_to(runs / "absent")
    (runs / "loop").symlink_to(runs / "loop")
    names |= {"folder", "steps", "dangling", "loop"}
    for name, target in (("to-nothing", "absent"), ("to-itself", "model.safetensors")):
        (runs / name).mkdir()
        (runs / name / "model.safetensors").symlink_to(target)
        names.add(name)
    if hasattr(os, "mkfifo"):
        (runs / "pipe" / "steps").mkdir(parents=True)
        os.mkfifo(runs / "pipe" / "model.safetensors")
        os.mkfifo(runs / "pipe" / "steps" / "3.safetensors")
        odd = os.fsencode(runs) + b"/bytes-\xff"
        os.makedirs(odd)
        Path(os.fsdecode(odd), "model.safetensors").write_bytes(model(GOOD))
        names |= {"pipe", "pipe@3", "bytes-\\udcff"}
    write(runs, {"forbidden/model.safetensors": model(GOOD), "a stray file": b"", "empty/model.md": b"half deleted"})
    return names | {"forbidden"}


def odd_models(models: Path) -> set[str]:
    """Models of the Hub and the user's own that are none; their names."""
    names = set()
    for name, content in RECORDS.items():
        write(models, {f"odd--{name}/{COMMIT}/{ORIGIN}": content})
        names.add(f"odd/{name}@aaaaaaaa")
    for name, content in FILES.items():
        write(models, {f"own--{name}/{COMMIT}/{ORIGIN}": record(f"own/{name}", COMMIT),
                       f"own--{name}/{COMMIT}/config.json": benign("own")["config.json"],
                       f"own--{name}/{COMMIT}/model.safetensors": content})
        names.add(f"own/{name}")
    for name, config in (("half-deleted", b"{}"), ("config-list", b"[1]"), ("config-deep", b"[" * 60_000), ("config-no-utf8", b"\xff"),
                         ("index-list", b'{"_class_name": ["evil", "Net"]}')):
        write(models, {f"net--{name}/{COMMIT}/{ORIGIN}": record(f"net/{name}", COMMIT), f"net--{name}/{COMMIT}/config.json": config})
        names.add(f"net/{name}")
    for name, change in {"size": {"unet/config.json": {"sample_size": "big"}}, "sizes": {"unet/config.json": {"sample_size": [2**40]}},
                         "levels": {"vae/config.json": {"block_out_channels": 7}}, "spacing": {"scheduler/scheduler_config.json":
                         {"timestep_spacing": [1]}}, "clip": {"scheduler/scheduler_config.json": {"clip_sample": 1e999}}}.items():
        files = benign("sd")
        for file, wrong in change.items():
            files[file] = {**files[file], **wrong}
        write(models / f"sd--{name}" / COMMIT, {**files, ORIGIN: record(f"sd/{name}", COMMIT)})
        names.add(f"sd/{name}")
    (models / "no--record" / COMMIT).mkdir(parents=True)
    (models / "dangling--model").symlink_to(models / "absent")
    (models / "loop--model").symlink_to(models / "loop--model")
    (models / "file--model").mkdir()
    (models / "file--model" / COMMIT).write_text("no folder")
    names |= {"no/record@aaaaaaaa", "dangling--model", "loop--model", "file/model@aaaaaaaa"}
    if hasattr(os, "mkfifo"):
        for name, file in (("record", ORIGIN), ("config", "config.json"), ("weights", "model.safetensors")):
            folder = write(models / f"pipe--{name}" / COMMIT, {**benign("own"), ORIGIN: record(f"pipe/{name}", COMMIT)})
            (folder / file).unlink()
            os.mkfifo(folder / file)
            names.add(f"pipe/{name}" + "@aaaaaaaa" * (name == "record"))
    write(models, {"a stray file": b"", "stray/folder/file": b"", f"unfinished--model/{COMMIT}.part/plan.json": b"{"})
    return names


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Paths, set[str]]:
    """A data folder with every oddity at once, and the names that are to be listed."""
    paths = Paths(tmp_path_factory.mktemp("odd"))
    return paths, odd_runs(paths.runs) | odd_models(paths.models) | odd_links(paths.models)


def odd_links(models: Path) -> set[str]:
    """The user's own models, of which some are no more what they were."""
    links, own = [], write(models.parent / "own", {f"{name}.safetensors": content for name, content in FILES.items()})
    for name in FILES:
        links.append(link(f"mine-{name}", own / f"{name}.safetensors"))
        links.append(link(f"single-{name}", own / f"{name}.safetensors", adapter="sd"))
    links += [link("gone", own / "gone"), link("gone-sd", own / "gone", adapter="sd"),
              link("lora", own / "null.safetensors", base="absent"),
              {"name": "wrong"}, 7, link("unreadable", own, scale="much")]
    write(models, {"links.json": links})
    return {entry["name"] for entry in links[:-3]} | {"links.json"}            # type: ignore[index]


def link(name: Any, path: Any, adapter: Any = "own", **more: Any) -> dict[str, Any]:
    return {"name": name, "path": str(path), "adapter": adapter, "family": "diffusion", "title": "A net", "bytes": 4, **more}


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read, also where the tests run as somebody who may read everything."""
    opened = Path.open

    def refused(self: Path, *arguments: Any, **named: Any) -> Any:
        if self.parent.name == "forbidden":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **named)
    monkeypatch.setattr(Path, "open", refused)


@pytest.fixture
def service(data: tuple[Paths, set[str]], forbidden: None) -> Iterator[Service]:
    opened = Service(data[0])
    yield opened
    opened.close()


def a_sentence(text: Any) -> bool:
    return isinstance(text, str) and text.isprintable() and text.endswith(".") and len(text) < 1200 and "Traceback" not in text


@pytest.mark.slow
def test_every_oddity_is_listed_with_its_problem(data: tuple[Paths, set[str]], service: Service) -> None:
    app = FastAPI()
    app.router.routes += routes(service)
    page = TestClient(app, base_url="http://127.0.0.1")
    listed = {row["name"]: row["problem"] for row in page.get("/api/models").json()["models"]}
    assert len(listed) == BUNDLED + len(data[1]) and data[1] <= set(listed)
    assert [name for name in data[1] if not a_sentence(listed[name])] == []
    assert [entry.name for entry in entries() if listed[entry.name]] == []
    assert [view["status"] for view in page.get("/api/models/downloads").json()["downloads"]] == ["failed"]
    assert page.get("/api/families").status_code == 200
    build_page(service)
    for name in sorted(data[1])[::len(data[1]) // 10]:
        for use in (lambda name: service.check(Ask("gan", "a star", model=name)), service.library.drawable, service.library.verify):
            with pytest.raises(sentences()) as said:
                use(name)
            assert a_sentence(str(said.value)), (name, use)
    for name in ("odd/broken@aaaaaaaa", "links.json", "pipe"):
        with pytest.raises(sentences()) as said:
            service.library.remove(name)
        assert a_sentence(str(said.value))


def test_other_models_draw(service: Service) -> None:
    view = service.wait(service.generate(Ask("gan", "a red star", count=1)), 120)
    assert view.status == "done" and view.shots[0].settings["model"] == "shapes-gan"


@pytest.mark.slow
def test_the_command_line_lists_and_verifies(data: tuple[Paths, set[str]], forbidden: None, capsysbinary: Any) -> None:
    def said(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--data", str(data[0].data)])
        out, error = capsysbinary.readouterr()
        return code, out.decode("utf-8"), error.decode("utf-8")

    code, out, error = said("models", "list")
    assert code == 0 and not error and all(name in out for name in data[1])
    code, out, _ = said("models", "list", "--json")
    assert code == 0 and {row["name"] for row in json.loads(out)["models"] if row["problem"]} == data[1]
    code, out, error = said("models", "verify")
    assert code == 1 and not out and all(f"{name}: " in error for name in data[1]) and "Traceback" not in error
    assert not any(f"{entry.name}: " in error for entry in entries())
    code, _, error = said("train", "--list")
    assert code == 0 and not error


LISTS: dict[str, Callable[[Path], object]] = {
    **{name: lambda path, content=content: path.write_bytes(content) for name, content in {
        "broken": b"{", "numbers": b"[1, 2]", "null": b"null", "number": b"7", "text": b'"a"', "table": b"{}", "no-utf8": b"\xff\xfe",
        "deep": b"[" * 60_000, "nothing": b"", "zeros": bytes(99), "surrogate": json.dumps([link("a\ud800", "/a")]).encode(),
        **{f"{key}-{k}": json.dumps([{**link("a", "/a"), key: value}]).encode()
           for key in ("name", "path", "adapter", "family", "title", "bytes", "base", "scale")
           for k, value in enumerate((None, [1], {}, float("nan"), True, "\0") if key != "bytes" else (None, [1], "4", 1.5))},
        "more": json.dumps([link("a", "/a", more=1)]).encode(), "relative": json.dumps([link("a", "a")]).encode()}.items()},
    "folder": Path.mkdir, "loop": lambda path: path.symlink_to(path), "dangling": lambda path: path.symlink_to(path.parent / "absent")}
if hasattr(os, "mkfifo"):
    LISTS["pipe"] = os.mkfifo


@pytest.mark.parametrize("name", LISTS)
def test_a_damaged_list_is_one_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "models").mkdir()
    LISTS[name](tmp_path / "models" / "links.json")
    views = Models(Weights(tmp_path / "runs", tmp_path / "models")).views()
    assert [view.problem for view in views[:-1]] == [None] * BUNDLED
    assert views[-1].name == "links.json" and a_sentence(views[-1].problem) and "put " in str(views[-1].problem)


@pytest.mark.parametrize("place", ["runs", "models"])
@pytest.mark.parametrize("what", ["file", "loop", "dangling"])
def test_folders_that_are_none(tmp_path: Path, place: str, what: str) -> None:
    path = tmp_path / place
    path.write_text("no folder") if what == "file" else path.symlink_to(path if what == "loop" else tmp_path / "absent")
    views = Models(Weights(tmp_path / "runs", tmp_path / "models")).views()
    assert [view.problem for view in views[:BUNDLED]] == [None] * BUNDLED
    assert [view.name for view in views[BUNDLED:]] == [place] and a_sentence(views[-1].problem)


@pytest.mark.parametrize("what", ["no-utf8", "folder", "loop", "pipe", "huge"])
def test_a_card_that_is_none_costs_nobody_the_model(tmp_path: Path, what: str) -> None:
    write(tmp_path, {"runs/a/model.safetensors": model(GOOD)})
    card = tmp_path / "runs" / "a" / "model.md"
    {"no-utf8": lambda: card.write_bytes(b"# \xff\xfe"), "folder": card.mkdir, "loop": lambda: card.symlink_to(card),
     "pipe": lambda: os.mkfifo(card), "huge": lambda: card.write_bytes(bytes(2**24))}[what]()
    view = Models(Weights(tmp_path / "runs", tmp_path / "models")).views()[-1]
    assert view.problem is None and (view.card == "# \ufffd\ufffd" if what == "no-utf8" else "could not be read" in view.card)


def failed(service: Service, ask: Ask) -> str:
    """The sentence with which a run ends that draws nothing."""
    try:
        view = service.wait(service.generate(ask), 120)
    except UserError as error:
        return str(error)
    assert view.status == "failed" and not view.shots and service.gallery.page().total == 0
    return str(view.error)


@pytest.mark.parametrize("family", registry.NAMES)
def test_a_run_without_numbers_draws_nothing(tmp_path: Path, family: str) -> None:
    """Also where the value is only one, in the part that is used last."""
    net = tiny(family)
    path = tmp_path / "runs" / "spoilt" / "model.safetensors"
    path.parent.mkdir(parents=True)
    tensors = {name: z.clone() for name, z in net.state_dict().items()}
    list(tensors.values())[-1].view(-1)[-1] = float("nan")
    save_file(tensors, path, metadata={"model": json.dumps({"family": family, "config": net.config.to_dict()})})
    service = Service(Paths(tmp_path))
    try:
        assert "1 value that is no number" in failed(service, Ask(family, "a red star", model="spoilt", count=1))
        with pytest.raises(sentences(), match="no number"):
            service.library.verify("spoilt")
    finally:
        service.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd", "ddpm"])
def test_a_pretrained_model_without_numbers_draws_nothing(tmp_path: Path, kind: str) -> None:
    getattr(tiny_models, kind)(tmp_path / "net")
    path = next((tmp_path / "net").rglob("diffusion_pytorch_model.safetensors" if kind == "ddpm" else "unet/*.safetensors"))
    tensors = load_file(path)
    list(tensors.values())[0].view(-1)[0] = float("nan")
    save_file(tensors, path)
    service = Service(Paths(tmp_path))
    try:
        name = service.library.add(str(tmp_path / "net"))
        with pytest.raises(sentences(), match="1 value that is no number"):
            service.library.verify(name)
        assert "was not a number" in failed(service, Ask("diffusion", "a red star", model=name, count=1, options={"steps": 2}))
    finally:
        service.close()


def test_no_other_model_takes_the_place_of_a_damaged_bundled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other families draw."""
    folder = tmp_path / "bundled"
    write(folder, {path.name: path.read_bytes() for path in catalog.BUNDLED.iterdir() if path.is_file()})
    write(tmp_path, {"runs/a/model.safetensors": model({**GOOD, "family": "diffusion"}), "runs/b/model.safetensors": model(GOOD)})
    for name in list(json.loads((folder / "catalog.json").read_text())):
        if "gan" not in name:
            (folder / f"{name}.safetensors").write_bytes(b"damaged")
    monkeypatch.setattr(catalog, "BUNDLED", folder)
    models = Models(Weights(tmp_path / "runs", tmp_path / "models"))
    assert models.weights.resolved(Ask("gan", "a star")).model == "shapes-gan"
    with pytest.raises(sentences(), match="shapes-diffusion.safetensors cannot be loaded"):
        models.weights.resolved(Ask("diffusion", "a star"))
    assert models.weights.resolved(Ask("diffusion", "a star", model="a")).model == "a"
