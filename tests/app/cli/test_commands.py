"""The contract that scripts rely on, with the bundled weights; bad input is a sentence and an exit code."""
from __future__ import annotations

import argparse
import json
import locale
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from app.cli.commands import main, parser
from app.training import trainer
from app.web.refusals import Said
from pipelines import registry
from pipelines.options import options_of
from storage import Storage, read_settings
from tests.app.training.training import no_json
from weights import catalog

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, dict, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, data: Path = tmp_path / "data") -> tuple[int, dict, str]:
        try:
            code = main([*arguments, "--data", str(data), "--json"])
        except SystemExit as stop:                       # argparse
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, json.loads(captured.out, parse_constant=no_json) if captured.out else {}, captured.err
    return call

def test_sample(run: Run, tmp_path: Path) -> None:
    code, result, _ = run("sample", "diffusion", "--prompt", "a red star", "--sampler", "ddim", "--steps", "3", "--count", "2",
                          "--seed", "41", "--out", str(tmp_path / "out"))
    assert code == 0 and [image["seed"] for image in result["images"]] == [41, 42]
    for image in result["images"]:
        assert {"path", "seed", "nfe", "seconds", "sampler", "steps", "model_sha256", "prompt"} <= set(image)
        assert (image["nfe"], image["steps"], image["sampler"]) == (6, 3, "ddim")      # guidance doubles the calls
        assert Path(image["path"]).parent == tmp_path / "out"
        assert read_settings(Path(image["path"]))["seed"] == image["seed"]


def test_a_seed_of_minus_one_is_a_new_one_that_is_said_and_kept(run: Run) -> None:
    common = ("diffusion", "--prompt", "a red star", "--sampler", "ddim", "--guidance-scale", "1", "--count", "1", "--seed", "-1")
    seeds = []
    for _ in range(2):
        code, result, _ = run("sample", *common, "--steps", "1")
        image = result["images"][0]
        assert code == 0 and 0 <= image["seed"] == read_settings(Path(image["path"]))["seed"]
        seeds.append(image["seed"])
    assert seeds[0] != seeds[1]
    code, grid, _ = run("compare", *common, "--steps", "1,2", "--no-distance")
    first = {cell["settings"]["seed"] for cell in grid["cells"]}
    assert code == 0 and len(first) == 1 and not first & {-1, *seeds}
    code, more, _ = run("compare", "--resume", grid["grid_id"], "--x", "steps=1,2,3")
    assert code == 0 and {cell["settings"]["seed"] for cell in more["cells"]} == first
    for arguments in (("train", "gan"), ("evaluate", "gan")):
        code, _, error = run(*arguments, "--seed", "-1")
        assert code == 2 and "seed" in error and error.count("\n") == 1


def test_image_k_has_the_picture_of_seed_i_plus_k(run: Run) -> None:
    """But for rounding, in which batches differ: by a twentieth of what another seed does at most."""
    def pixels(seed: int, count: int) -> list[np.ndarray]:
        _, result, _ = run("sample", "diffusion", "--prompt", "a red star", "--sampler", "euler_a", "--steps", "4",
                           "--seed", str(seed), "--count", str(count))
        return [np.asarray(Image.open(image["path"]), dtype=float) for image in result["images"]]

    together, alone = pixels(5, 3), pixels(7, 1)
    assert np.abs(together[2] - alone[0]).mean() < np.abs(together[1] - alone[0]).mean() / 20


def test_compare(small: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "grid.png"
    code, result, _ = run("compare", "diffusion", "--prompt", "a red star", "--sampler", "ddim,heun", "--steps", "2-4(+2)",
                          "--count", "2", "--seed", "3", "--out", str(out))
    assert code == 0
    assert [(c["settings"]["sampler"], c["column"], c["nfe"]) for c in result["cells"]] == [
        ("ddim", "2 steps", 4), ("ddim", "4 steps", 8), ("heun", "2 steps", 6), ("heun", "4 steps", 14)]
    assert all(len(c["images"]) == 2 and c["seconds"] > 0 and 0 <= c["distance"] < 1 for c in result["cells"])
    with Image.open(out) as grid:
        assert grid.width > 300 and grid.height > 200
    code, listed, _ = run("gallery", "--sampler", "heun")
    assert code == 0 and listed["total"] == 4


def test_a_grid_of_any_axes_goes_on_and_is_exported(small: Path, run: Run, tmp_path: Path) -> None:
    files = [tmp_path / f"grid.{ending}" for ending in ("csv", "json", "html")]
    code, result, _ = run("compare", "flow", "--prompt", "a red star", "--x", "nfe=4,8", "--y", "family=flow,gan", "--z", "seed=1-2(+1)",
                          "--no-distance", "--name", "mine", *(part for file in files for part in ("--export", str(file))))
    assert code == 0 and len(result["cells"]) == 8 and all(file.stat().st_size > 100 for file in files)
    code, more, _ = run("compare", "--resume", result["grid_id"], "--x", "nfe=4,8,12")
    assert code == 0 and len(more["cells"]) == 12 and more["grid_id"] == result["grid_id"]
    assert {c["images"][0] for c in result["cells"]} < {c["images"][0] for c in more["cells"]}
    code, again, _ = run("again", result["cells"][0]["images"][0])
    assert code == 0 and again["verdict"] in ("bit-exact", "within tolerance")


def test_grids_that_can_not_be_say_so(run: Run) -> None:
    for arguments, says in ((("compare",), "Name the family"), (("compare", "diffusion", "--prompt", "a star"), "A grid varies something"),
                            (("compare", "--resume", "ffff"), "not in the gallery"),
                            (("compare", "--resume", "ffff", "--steps", "50", "--exact"), "leave out"),
                            (("compare", "gan", "--prompt", "a star", "--x", "steps=3"), "There is no axis"),
                            (("compare", "flow", "--prompt", "a star", "--x", "t-start=0,0.5"), "there is one to start from"),
                            (("compare", "gan", "--prompt", "a star", "--x", "seed=3", "--export", "a.exe"), "exported as"),
                            (("again", "ffff"), "not in the gallery")):
        code, _, error = run(*arguments)
        assert code in (1, 2) and says in error and "Traceback" not in error


def test_evaluate(run: Run) -> None:
    code, result, _ = run("evaluate", "diffusion", "--sampler", "ddim", "--steps", "2", "--count", "12")
    assert code == 0 and {"caption_accuracy", "frechet_distance", "nfe", "count", "precision", "recall"} <= set(result)
    assert result["nfe"] == 4 and result["count"] == 12 and 0 <= result["caption_accuracy"] <= 1
    assert math.isfinite(result["frechet_distance"])
    assert "leave out --sampler" in run("evaluate", "diffusion", "--table", "--steps", "2")[2]


def test_models(run: Run) -> None:
    code, result, _ = run("models")
    assert code == 0 and result["models"][0]["parameters"] < 3_000_000 and result["models"][0]["problem"] is None
    assert {model["family"] for model in run("models", "--family", "gan")[1]["models"]} == {"gan"}
    assert run("models", "verify")[0] == 0


def test_bench_list(run: Run) -> None:
    assert "engine" in run("bench", "--list")[1]["benches"]
    assert run("bench", "nothing")[0] == 2


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--prompt", ""], "The prompt is empty"),
    (["--prompt", "x" * 10_000], "10,000 characters; at most 4,000"),
    (["--prompt", "a", "--negative-prompt", "x" * 4001], "negative prompt has 4,001"),
    (["--prompt", "a", "--steps", "0"], "Steps must be between 1 and 1000; you asked for 0."),
    (["--prompt", "a", "--steps", "-1"], "Steps must be between 1 and 1000; you asked for -1."),
    (["--prompt", "a", "--steps", "1e9"], "Steps must be between 1 and 1000; you asked for 1e9."),
    (["--prompt", "a", "--steps", "NaN"], "Steps must be a whole number between 1 and 1000; you asked for NaN."),
    (["--prompt", "a", "--steps", "2.5"], "Steps must be a whole number"),
    (["--prompt", "a", "--sampler", "magic"], "There is no sampler 'magic' in Diffusion; there are ddim, ddpm"),
    (["--prompt", "a", "--count", "0"], "Images must be between 1 and 64; you asked for 0."),
    (["--prompt", "a", "--count", "10000"], "Images must be between 1 and 64; you asked for 10000."),
    (["--prompt", "a", "--seed", "-5"], "Seed must be between 0 and 4,294,967,295; you asked for -5."),
    (["--prompt", "a", "--guidance-scale", "inf"], "Guidance must be a number between 0 and 20"),
    (["--prompt", "a", "--sampler", "euler_a", "--eta", "1"], "There is no option 'eta'"),
    (["--prompt", "a", "--spacing", "odd"], "Spacing must be one of trailing, leading, linspace"),
    (["--prompt", "a", "--model", "unknown"], "There is no model 'unknown'; there are shapes-diffusion"),
])
def test_bad_input_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    code, result, error = run("sample", "diffusion", *arguments)
    assert code in (1, 2) and result == {} and sentence in error and "Traceback" not in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("family", ["sde", "flow"])
def test_bad_tolerances_are_one_sentence(run: Run, family: str) -> None:
    sampler = {"sde": "ode_rk45", "flow": "rk45"}[family]
    for flag in ("--rtol", "--atol"):
        for value in ("-1e-3", "0", "nan"):
            code, _, error = run("sample", family, "--prompt", "a", "--sampler", sampler, f"{flag}={value}")
            assert code == 2 and "tolerance must be" in error and f"you asked for {value}" in error and error.count("\n") == 1


def test_a_picture_of_ones_own(small: Path, run: Run, tmp_path: Path) -> None:
    from PIL import Image
    own, text = tmp_path / "own.png", tmp_path / "text.png"
    Image.new("RGB", (40, 30), (220, 38, 38)).save(own)
    text.write_text("not a picture")
    common = ["sample", "flow", "--prompt", "a red star", "--sampler", "euler", "--steps", "2", "--count", "1"]
    code, result, _ = run(*common, "--picture", str(own), "--t-start", "0.8")
    assert code == 0 and len(result["images"][0]["options"]["source"]) == 64
    assert "could not be read as a picture" in run(*common, "--picture", str(text), "--t-start", "0.8")[2]
    assert "cannot start from a picture" in run("sample", "gan", "--prompt", "a", "--picture", str(own))[2]
    code, found, _ = run("examine", "flow", str(own))
    assert code == 0 and math.isfinite(found["bits_per_dim"]) and found["noise_std"] > 0 and found["difference"] <= 16
    assert 0 < found["bits_per_dim_se"] < 1 and found["draws"] > 1 and "said" not in found
    assert "no ODE that leads" in run("examine", "diffusion", str(own))[2]


def test_unknown_family_and_bad_grids(run: Run) -> None:
    assert "There is no family 'magic'; there are diffusion" in run("sample", "magic", "--prompt", "a")[2]
    for steps, sentence in (("x", "could not be read"), ("9-5(+1)", "empty"), ("1-5000(+1)", "at most 1,000"), ("", "says no values")):
        code, _, error = run("compare", "diffusion", "--prompt", "a", "--sampler", "ddim", f"--steps={steps}")
        assert code == 2 and sentence in error, error


def test_an_unwritable_data_folder_is_a_sentence(run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code, _, error = run("sample", "diffusion", "--prompt", "a", data=blocked / "data")
    assert code == 1 and "cannot be written" in error and "--data" in error


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "missing"])
def test_damaged_weights_are_a_sentence(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    folder = tmp_path / "bundled"
    folder.mkdir()
    for name in ("catalog.json", "shapes-diffusion.safetensors"):
        (folder / name).write_bytes((catalog.BUNDLED / name).read_bytes())
    path = folder / "shapes-diffusion.safetensors"
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    path.write_bytes({"flip": bytes(data), "truncate": bytes(data[:-100]), "empty": b"", "missing": b""}[damage])
    if damage == "missing":
        path.unlink()
    monkeypatch.setattr(catalog, "BUNDLED", folder)
    code, _, error = run("sample", "diffusion", "--prompt", "a red star", "--steps", "1")
    assert code == 1 and "Traceback" not in error
    expected = {"flip": "do not match their checksum", "truncate": "bytes where its header describes",
                "empty": "does not begin with a header", "missing": "could not be read"}[damage]
    assert expected in error
    assert run("models", "verify")[0] == 1


def test_training_resumes_and_its_weights_draw(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.diffusion import family
    from tests.tiny import tiny_diffusion
    monkeypatch.setattr(family, "FAMILY", family.Family(
        build=family.FAMILY.build, fresh=lambda options, data: tiny_diffusion(options.prediction).train(), loss=family.loss,
        start=family.start, toy2d=family.TOY2D))
    monkeypatch.setattr("pipelines.training.head_start.head_start", lambda *asked: iter(()))
    common = ["train", "diffusion", "--name", "test", "--batch", "4", "--workers", "0", "--minutes", "5"]
    code, first, _ = run(*common, "--steps", "3", "--prediction", "eps")
    assert code == 0 and (first["steps"], first["images"]) == (3, 12)
    early = load_file(first["path"])
    assert "began with prediction eps" in run(*common, "--steps", "5", "--prediction", "v")[2]
    code, second, _ = run(*common, "--steps", "5", "--keep", "2")
    assert code == 0 and (second["steps"], second["images"]) == (5, 20)
    moved = {name for name, z in load_file(second["path"]).items() if not torch.equal(z, early[name])}
    assert moved and not any(name.startswith("text.") for name in moved)                   # the text encoder is held
    code, kept, _ = run("compare", "diffusion", "--model", "test", "--prompt", "a red star", "--x", "training=all", "--steps", "1",
                        "--no-distance")
    assert code == 0 and [(c["column"], c["settings"]["model"]) for c in kept["cells"]] == [("training step 4", "test@4")]
    card = Path(second["path"]).with_suffix(".md").read_text()
    assert second["sha256"] in card and "launch.py train diffusion" in card
    code, drawn, _ = run("sample", "diffusion", "--model", "test", "--prompt", "a red star", "--steps", "1", "--count", "1")
    assert code == 0 and drawn["images"][0]["model_sha256"] == second["sha256"]
    code, third, _ = run("train", "diffusion", "--name", "third", "--from", "test", "--steps", "1", "--batch", "4",
                         "--workers", "0", "--lr", "1e-8")
    assert code == 0 and third["images"] == 4
    assert "name the model with --from" in run("train", "flow", "--coupling", "reflow", "--name", "straight")[2]
    assert "leave out --prediction" in run("train", "diffusion", "--from", "test", "--prediction", "v")[2]
    bundled = Path(first["path"]).parents[2] / "bundled"
    bundled.mkdir()
    (bundled / "catalog.json").write_text("{}")
    monkeypatch.setattr(catalog, "BUNDLED", bundled)
    assert run("models", "bundle", "test")[0] == 0 and run("models", "verify")[1]["verified"] == ["test", "third", "test@4"]
    assert "no plain name" in run("models", "bundle", "../x")[2] and "no finished run" in run("models", "bundle", "x")[2]
    assert "path in it" in run("train", "diffusion", "--name", "../x", "--minutes", "1")[2]


def test_train_flags_are_the_training_options() -> None:
    from pipelines.training.loop import TrainOptions
    defaults = {f.name: f.default for f in fields(TrainOptions)}
    assert set(trainer.DEFAULTS) == set(defaults) - {"warmup", "save_every"}
    assert {k: v for k, v in trainer.DEFAULTS.items() if k in defaults} == {k: defaults[k] for k in trainer.DEFAULTS}


def test_a_look_at_the_hub_is_told_in_words(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hub import HubServer
    from tests.weights import tiny_models
    from weights.hub import client as hub
    tiny_models.ddpm(tmp_path / "net")
    files = {path.relative_to(tmp_path / "net").as_posix(): path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()}
    with HubServer() as server:
        commit = server.add("me/net", files, licence="mit", likes=3)
        server.add("me/old", {name.replace(".safetensors", ".bin"): data for name, data in files.items()})
        monkeypatch.setattr(hub.HUB, "endpoint", server.endpoint)
        capsys.readouterr()
        assert main(["models", "info", f"{server.endpoint}/me/net/tree/main", "--data", str(tmp_path / "data")]) == 0
        said = capsys.readouterr().out
        for line in (f"model: me/net at {commit}", "licence: mit", "loads: Yes, as DDPM in pixels (Diffusion).", "here: no"):
            assert line in said.splitlines()
        assert "MB for the weights" in said and "files, 7" in said
        assert main(["models", "info", "me/old", "--data", str(tmp_path / "data")]) == 0
        assert "loads: No. This model cannot be loaded because it has its weights only as pickles" in capsys.readouterr().out
        assert run("models", "info", "me/net")[1]["commit"] == run("models", "look", "me/net")[1]["commit"] == commit
    assert run("models", "look")[::2] == (2, "Say which one: models info NAME.\n")


def test_where_decimals_have_a_comma_a_grid_says_how_it_read_them(small: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    common = ("compare", "gan", "--prompt", "a red star", "--x", "truncation=1,2", "--no-distance")
    said = "truncation=1,2 is read as 1 and 2; a decimal is written with a point, as in 1.2."
    assert said not in run(*common)[2]
    real, before = locale.localeconv(), locale.setlocale(locale.LC_NUMERIC)
    monkeypatch.setattr(locale, "localeconv", lambda: real | {"decimal_point": ","})
    assert said in run(*common)[2].splitlines() and locale.setlocale(locale.LC_NUMERIC) == before


def test_cells_have_one_form_however_their_axes_were_written(small: Path, run: Run) -> None:
    """Also cells that stay empty, and those of samplers that take no steps."""
    common = ("compare", "diffusion", "--prompt", "a red star", "--no-distance", "--guidance-scale", "1")
    _, flags, _ = run(*common, "--sampler", "euler,heun", "--steps", "2,3")
    _, axes, _ = run(*common, "--x", "steps=2,3", "--y", "sampler=euler,heun")
    _, partly, _ = run(*common, "--x", "eta=0,1", "--y", "sampler=ddim,euler", "--steps", "2")
    _, families, _ = run(*common, "--x", "family=diffusion,gan", "--y", "seed=1", "--steps", "2")
    forms = {frozenset(cell) for grid in (flags, axes, partly, families) for cell in grid["cells"]}
    assert len(forms) == 1 and {"sampler", "steps", "nfe", "seconds", "paths", "settings", "status", "reason", "error"} <= next(iter(forms))
    for grid in (flags, axes):
        assert [(c["sampler"], c["steps"], c["nfe"]) for c in grid["cells"]] == [
            ("euler", 2, 2), ("euler", 3, 3), ("heun", 2, 3), ("heun", 3, 5)]
        assert all(len(c["paths"]) == 1 and Path(c["paths"][0]).is_file() for c in grid["cells"])
    empty = [c for c in partly["cells"] if c["status"] == "empty"]
    assert len(empty) == 2 and all(c["sampler"] is None and c["nfe"] is None and c["paths"] == [] and c["reason"] for c in empty)
    assert [(c["sampler"], c["steps"], c["nfe"]) for c in families["cells"]] == [("ddim", 2, 2), ("generator", None, 1)]


def test_what_is_no_number_is_null(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": 1.5, "e": "NaN", "f": (math.nan,)}
    monkeypatch.setattr("app.cli.commands._bench", lambda args: found)
    assert run("bench")[1] == {"a": None, "b": [None, {"c": None}], "d": 1.5, "e": "NaN", "f": [None]}
    assert json.loads(Said(found).body) == run("bench")[1]


def test_a_long_gallery_is_read_page_by_page(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gallery.gallery.MOST", 2)
    storage = Storage(tmp_path / "data")
    for seed in range(6):
        storage.save_image(np.zeros((32, 32, 3), np.uint8), {
            "version": 3, "family": "gone", "model": "m", "prompt": "a star", "negative_prompt": "", "sampler": "odd", "options": {},
            "guidance_scale": 1.0, "seed": seed, "model_sha256": "ab" * 32, "steps": 1, "nfe": 1, "seconds": 0.1})
    storage.close()
    _, found, _ = run("gallery", "--limit", "5")
    assert [image["seed"] for image in found["images"]] == [5, 4, 3, 2, 1] and found["total"] == 6
    _, rest, _ = run("gallery", "--limit", "5", "--after", found["next"])
    assert [image["seed"] for image in rest["images"]] == [0] and rest["next"] is None
    assert run("gallery", "--family", "gone", "--sampler", "odd")[1]["total"] == 6               # what made them may not be there any more
    for flag, there in (("family", "diffusion, sde"), ("sampler", "ddim, ddpm")):
        code, _, error = run("gallery", f"--{flag}", "nobody")
        assert code == 2 and f"There is no {flag} 'nobody'; there are {there}" in error
    assert run("gallery", "--after", "nowhere")[0] != 0


def test_help_explains_an_option_as_each_family_and_sampler_has_it() -> None:
    help_of = {action.dest: str(action.help) for action in command("sample")._actions}
    for face in map(registry.face, registry.NAMES):
        for spec in face.every.values():
            assert spec.name in help_of["sampler"]
            for o in options_of(spec.options):
                before, found, after = help_of[f"option_{o.name}"].partition(o.help.replace("%", "%%"))
                assert found and str(o.default) in after
                meanings = {other.help for s in face.every.values() for other in options_of(s.options) if other.name == o.name}
                others = {other.help for name in registry.NAMES for s in registry.face(name).every.values()
                          for other in options_of(s.options) if other.name == o.name}
                assert len(others) == 1 or face.title in before
                assert len(meanings) == 1 or spec.title in before
    assert "attempted step" not in help_of["option_steps"].partition("SDE")[0]                # which is about RK45 alone


def command(name: str) -> argparse.ArgumentParser:
    """A command's own flags."""
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return commands.choices[name]


def test_a_seed_is_none_of_what_an_evaluation_takes(run: Run) -> None:
    code, _, error = run("evaluate", "gan", "--seed", "5")
    assert code == 2 and "leave out --seed" in error


def test_an_update_gets_the_newer_commit_unless_one_only_looks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.hub import HubServer
    from tests.weights import tiny_models
    from weights.hub import client as hub
    tiny_models.ddpm(tmp_path / "net")
    files = {path.relative_to(tmp_path / "net").as_posix(): path.read_bytes() for path in (tmp_path / "net").rglob("*") if path.is_file()}
    with HubServer() as server:
        first = server.add("me/net", files)
        monkeypatch.setattr(hub.HUB, "endpoint", server.endpoint)
        assert run("models", "download", "me/net")[1]["commit"] == first
        none = {"newer": "none, it is the latest commit", "revision": "main"}
        assert run("models", "update", "me/net") == (0, none, "")
        second = server.add("me/net", files | {"README.md": b"later"})
        for only_said in (("check-update", "me/net"), ("update", "me/net", "--look")):
            assert run("models", *only_said)[1] == {"newer": second, "revision": "main"}
        assert [m["name"] for m in run("models")[1]["models"] if m["source"] == "hub"] == ["me/net"]
        code, found, _ = run("models", "update", "me/net")
        assert code == 0 and found["newer"] == found["commit"] == second and found["name"] == f"me/net@{second[:8]}"
        assert [m["name"] for m in run("models")[1]["models"] if m["source"] == "hub"] == ["me/net", found["name"]]
        assert run("models", "update", found["name"])[1] == none
    assert "only such models have updates" in run("models", "update", "shapes-gan")[2]
