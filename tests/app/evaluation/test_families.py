"""All families side by side: six jobs at once, a table that survives a kill, what page and README get from it."""
from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.cli import main
from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import UserError
from app.evaluation import evaluate as evaluation
from app.evaluation import families
from app.evaluation import samplers as quality
from app.evaluation import table as family_table
from app.evaluation.families import SideBySide
from app.models.models import Models
from app.paths import Paths
from app.service import Service
from pipelines import registry
from tests.tiny import tiny
from weights import catalog
from weights.load import save

CAPTION = "a large red star above a small blue ring"
BITS = {"bits_per_dim": 2.0, "bits_per_dim_se": 0.05}


REAL_TABLE = families.BUNDLED             # which tests put another in place of


class Killed(BaseException):
    """Like Ctrl-C no error that code may catch, and unlike it nothing that ends the tests."""


def write(runs: Path, name: str, family: str, **training: Any) -> None:
    """A small untrained model as if a training had written it."""
    net: Any = tiny(family)
    (runs / name).mkdir(parents=True)
    save(runs / name / "model.safetensors", net.state_dict(),
         {"family": family, "title": name, "config": net.config.to_dict(), "training": training})


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a small untrained model of every family, which are all that there are."""
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "catalog.json").write_text("{}")
    monkeypatch.setattr(catalog, "BUNDLED", tmp_path / "bundled")
    monkeypatch.setattr(families, "BUNDLED", tmp_path / "bundled" / "families.json")
    for family in registry.NAMES:
        write(tmp_path / "data" / "runs", f"tiny-{family}", family, images=100)
    return tmp_path / "data"


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    made = Service(Paths(data))
    yield made
    made.close()


@pytest.mark.slow
def test_all_families_draw_one_caption_at_once(service: Service) -> None:
    drawings = service.side_by_side.draw(CAPTION, 11, 2)
    assert [d.family for d in drawings] == list(registry.NAMES)
    views = {d.family: service.wait(str(d.job), 120) for d in drawings}
    for family, view in views.items():
        assert view.status == "done", view.error
        assert [shot.seed for shot in view.shots] == [11, 12] and view.settings["prompt"] == CAPTION
        assert view.settings["sampler"] == next(iter(registry.face(family).samplers))
        assert (registry.face(family).label_only) == ("classes only" in view.note)
    kept = service.gallery.page().items
    assert len(kept) == 2 * len(registry.NAMES) and {picture.family for picture in kept} == set(registry.NAMES)


@pytest.mark.slow
def test_one_that_cannot_read_the_prompt_does_not_disturb_the_others(service: Service) -> None:
    drawings = {d.family: d for d in service.side_by_side.draw("something nice", 1, 1)}
    assert drawings["vqvae"].job is None and "knows classes" in str(drawings["vqvae"].error)
    others = [d for d in drawings.values() if d.family != "vqvae"]
    assert all(service.wait(str(d.job), 120).status == "done" for d in others)
    with pytest.raises(UserError, match="The prompt is empty"):
        service.side_by_side.draw("", 1, 1)
    with pytest.raises(UserError, match="Images must be between"):
        service.side_by_side.draw(CAPTION, 1, 0)


@pytest.mark.slow
def test_a_family_without_weights_says_so(data: Path) -> None:
    (data / "runs" / "tiny-gan" / "model.safetensors").unlink()
    service = Service(Paths(data))
    drawings = {d.family: d for d in service.side_by_side.draw(CAPTION, 1, 1)}
    assert drawings["gan"].error == "There are no weights for gan; train some with the command `train gan`."
    assert all(d.job for d in drawings.values() if d.family != "gan")
    service.close()


def measured(ask: Ask, split: str) -> dict[str, Any]:
    """What the service's `evaluate` answers, made up."""
    return {"caption_accuracy": 0.8, "caption_accuracy_one_object": 0.9, "caption_accuracy_two_objects": 0.7, "frechet_distance": 300.0,
            "precision": 0.8, "recall": 0.9, "nfe": 10.0, "seconds_per_image": 0.5, "environment": {"device": "cpu", "threads": "2"},
            "split": split, "judge_rules": quality.judge_rules(), "frechet_floor": 105.0, "precision_ceiling": 0.95, "recall_ceiling": 0.94,
            "kernel_distance": 0.04, "kernel_distance_se": 0.012, "judge_false_accepts": 0.036} | (
        {"bits_per_code": 6.0, "bits_per_code_se": 0.3} if ask.family in ("vqvae", "dalle") else {})


def side_by_side(data: Path, evaluate: Callable[[Ask, str, Any], dict[str, Any]], patch: pytest.MonkeyPatch) -> SideBySide:
    """With made-up measurements."""
    made = SimpleNamespace(loaded=SimpleNamespace(sha256="ab" * 32, side=lambda request: 32), ode_inversion=SimpleNamespace(data=1e-5),
                           request=None)
    patch.setattr(families, "evaluate", lambda artist, *asked: evaluate(*asked))
    patch.setattr(families, "probe", lambda artist, ask: made)
    weights = Weights(data / "runs", data / "models")
    return SideBySide(SimpleNamespace(weights=weights), Models(weights), data / "tables")                         # type: ignore[arg-type]


def test_a_killed_table_goes_on_where_it_stopped(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    stops_at = 5

    def evaluate(ask: Ask, split: str, progress: Any) -> dict[str, Any]:
        if len(asked) == stops_at:
            raise Killed
        asked.append((ask.family, split))
        assert ask.count == {"test": 30, "holdout": 15}[split]
        return measured(ask, split)

    monkeypatch.setattr(families, "bits_per_dim", lambda bench, count, progress: BITS)
    side, log = side_by_side(data, evaluate, monkeypatch), data / "tables" / "families.jsonl"
    with pytest.raises(Killed):
        side.measure_families(30, lambda done, total: None)
    assert not log.with_suffix(".json").exists() and side.table() is None
    log.write_text(log.read_text(encoding="utf-8")[:-20], encoding="utf-8")               # a crash cut the last line off
    cells = asked[:-1]
    asked.clear()
    with pytest.raises(Killed):
        side.measure_families(30, lambda done, total: None)
    cells += asked
    asked.clear()
    stops_at = -1
    shown: list[tuple[int, int]] = []
    result = side.measure_families(30, lambda done, total: shown.append((done, total)))
    assert cells + asked == [(family, split) for family in registry.NAMES for split in ("test", "holdout")]
    assert shown[-1][0] == shown[-1][1]

    rows = {row["family"]: row for row in result["rows"]}
    assert list(rows) == list(registry.NAMES) and all(set(row) == set(family_table.FACTS) for row in rows.values())
    bits = {family: tuple(row[name] for name in ("bits_per_dim", "bits_per_dim_se", "bits_of")) for family, row in rows.items()}
    assert bits["flow"] == bits["sde"] == (2.0, 0.05, "pixels") and bits["vqvae"] == (6 * 64 / 3072, 0.3 * 64 / 3072, "codes")
    assert bits["gan"] == bits["diffusion"] == (None, None, None)
    assert rows["gan"]["images"] == 100 and rows["gan"]["images_whole"]
    with Path(result["csv"]).open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["family"] for line in lines] == list(registry.NAMES) and lines[1]["bits_per_dim_se"] == "0.05"
    text = Path(result["table"]).read_text(encoding="utf-8")
    assert text.count("not defined") == 2 and "0.125 ± 0.006 codes" in text and "2.00 ± 0.05" in text and "30 test captions" in text
    asked.clear()
    side.measure_families(30, lambda done, total: None)
    assert not asked                                                                       # all of it is known


@pytest.mark.long
def test_the_table_is_measured_end_to_end(service: Service, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "TOLERANCE", 1e-2)               # how near a likelihood comes is tested elsewhere
    (data / "runs" / "tiny-sde" / "model.safetensors").unlink()
    result = service.side_by_side.measure_families("8", lambda done, total: None)
    rows = {row["family"]: row for row in result["rows"]}
    assert "no weights for sde" in rows["sde"]["problem"]
    assert rows["flow"]["bits_per_dim"] > 0 and rows["flow"]["bits_per_dim_se"] > 0 and rows["dalle"]["bits_per_dim_se"] > 0
    assert rows["gan"]["nfe"] == 1 and rows["diffusion"]["nfe"] == 100
    table = service.side_by_side.table()
    assert table is not None and "Measured here." in table.note and "8 test captions" in table.note
    assert json.loads(json.dumps(asdict(table)))["rows"][list(registry.NAMES).index("sde")]["problem"] == rows["sde"]["problem"]


def table(**changed: dict[str, Any]) -> dict[str, Any]:
    """A table as the file holds it; changed: facts of a family."""
    rows = []
    for family in registry.NAMES:
        face = registry.face(family)
        row: dict[str, Any] = dict.fromkeys(family_table.FACTS) | {
            "family": family, "model": f"shapes-{family}", "sampler": next(iter(face.samplers)), "amount": "25 steps",
            "guidance_scale": 3.0, "label_only": face.label_only, "accuracy_one": 0.9, "accuracy_two": 0.7, "holdout": 0.8,
            "frechet_distance": 300.0,
            "precision": 0.8, "recall": 0.9, "parameters": 3_000_000, "nfe": 100.0, "seconds_per_image": 0.5, "images": 1000,
            "images_whole": True, "model_sha256": "ab" * 32, "device": "cpu", "threads": "2"}
        rows.append(row | changed.get(family, {}))
    return {"made": "2026-11-25", "counts": {"test": 480, "holdout": 240, "likelihood": 32}, "rows": rows, "cells": []}


def cell(sampler: str, calls: int, seconds: float, accuracy: float) -> dict[str, Any]:
    return {"family": "flow", "sampler": sampler, "calls": calls, "nfe": 2 * calls, "seconds_per_image": seconds, "accuracy": accuracy,
            "count": 96}


def marked(made: dict[str, Any]) -> set[tuple[str, str]]:
    """(family, column) of what the page sets in bold."""
    view = family_table.view(made, "Measured here.")
    return {(line["family"], column["title"]) for line in view.rows
            for column, number in zip(view.columns, line["cells"], strict=True) if number["best"]}


def test_columns_mark_a_best_that_intervals_separate_and_nothing_else() -> None:
    made = table(vqvae={"accuracy_one": 1.0, "bits_per_dim": 0.1, "bits_per_dim_se": 0.001, "bits_of": "codes"},
                 flow={"accuracy_one": 0.97, "bits_per_dim": 1.5, "bits_per_dim_se": 0.04, "bits_of": "pixels"},
                 sde={"bits_per_dim": 1.9, "bits_per_dim_se": 0.04, "bits_of": "pixels", "frechet_distance": 200.0},
                 gan={"seconds_per_image": 0.004, "nfe": 1.0, "images_whole": False})
    best = marked(made)
    # Labels are less than captions; of Fréchet distances, recall and seconds no interval is known; the precisions are all alike.
    assert best == {("flow", "one object"), ("flow", "bits/dim"), ("gan", "NFE")}
    text = family_table.markdown(made)
    assert "| **97.0 %** |" in text and "| **1.50 ± 0.04** |" in text and "| 1.90 ± 0.04 |" in text and "| **1** |" in text
    assert "1,000 own" in text and "VQ-VAE knows classes only" in text and "0.1000 ± 0.0010 codes" in text
    assert "`launch.py evaluate --table --count 480`" in text
    assert family_table.digits(0.00423) == "0.0042" and family_table.digits(123.4) == "123"


@pytest.mark.parametrize(("column", "changed"), [
    ("one object", {"flow": {"accuracy_one": 0.94}}),                       # 0.90 of 240 reaches to 0.93, and 0.94 down to 0.90
    ("one object", {"flow": {"accuracy_one": 0.97}, "sde": {"accuracy_one": 0.96}}),
    ("bits/dim", {"flow": {"bits_per_dim": 1.64, "bits_per_dim_se": 0.04, "bits_of": "pixels"},
                  "sde": {"bits_per_dim": 1.7, "bits_per_dim_se": 0.04, "bits_of": "pixels"}}),
    ("bits/dim", {"flow": {"bits_per_dim": 1.5, "bits_of": "pixels"},       # as tables say that are older than their errors
                  "sde": {"bits_per_dim": 2.1, "bits_of": "pixels"}}),
    ("NFE", {"flow": {"nfe": 1.0}, "gan": {"nfe": 1.0}})])
def test_what_is_the_most_by_chance_is_not_marked(column: str, changed: dict[str, Any]) -> None:
    assert column not in {title for _, title in marked(table(**changed))}


def test_a_table_of_before_errors_and_limits_were_told_is_read() -> None:
    made = table(flow={"bits_per_dim": 1.61, "bits_of": "pixels"})
    for row in made["rows"]:
        for name in ("bits_per_dim_se", *family_table.LIMITS):
            row.pop(name, None)
    assert "1.61 ± ?" in family_table.markdown(made) and family_table.view(made, "").rows[0]["problem"] is None


def test_the_bundled_table_marks_only_what_its_intervals_separate() -> None:
    text = Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(families.BEGIN)
    published, made = rest.partition(families.END)[0], json.loads(REAL_TABLE.read_text(encoding="utf-8"))
    assert published.count("| **") == len(marked(made))


def test_chart_and_sentences_follow_from_the_numbers() -> None:
    made = table(flow={"accuracy_one": 0.99, "accuracy_two": 0.95}, gan={"seconds_per_image": 0.004, "nfe": 1.0, "accuracy_two": 0.6},
                 sde={"accuracy_one": 0.98, "accuracy_two": 0.95, "seconds_per_image": 1.0})
    made["cells"] = [cell("euler", 5, 0.02, 0.8), cell("euler", 10, 0.05, 0.96), cell("euler", 100, 0.5, 0.97), cell("gone", 5, 0.1, 0.9)]
    view = json.loads(json.dumps(asdict(family_table.view(made, ""))))
    flow = [p for p in view["points"] if p["family"] == "flow"]
    assert [(p["sampler"], p["main"], p["seconds"]) for p in flow] == [("Midpoint", True, 0.5), ("Euler", False, 0.05)]
    assert flow[1]["curve"] == [[0.02, 0.8], [0.05, 0.96], [0.5, 0.97]] and flow[1]["nfe"] == 20
    said = {saying["family"]: saying["text"] for saying in view["words"]}
    assert said["gan"] == "1 NFE, 0.004 s a picture, 125× faster than Flow at 22 points less accuracy (75 %)."
    assert said["sde"].startswith("100 NFE, 1 s a picture, 2× slower than Flow, with no difference in accuracy that 480 captions")
    assert said["flow"] == ("100 NFE, 0.5 s a picture: 97 % of the captions, level with SDE as far as 480 captions can tell. "
                            "Euler at 20 NFE drew 96 % of 96 right in 0.05 s (95 % interval 90–98 %).")
    assert "about as fast as Flow: 80 % by the label alone" in said["vqvae"]
    alone = family_table.words(table(flow={"accuracy_one": 0.99, "accuracy_two": 0.95})["rows"], [], 480)
    assert "97 % of the captions, the most here." in {saying["family"]: saying["text"] for saying in alone}["flow"]


def test_own_quality_tables_reach_the_chart(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = side_by_side(data, lambda ask, split, progress: measured(ask, split), monkeypatch)
    (data / "tables").mkdir()
    families.BUNDLED.write_text(json.dumps(table()), encoding="utf-8")
    facts = {"sampler": "euler", "calls": 10, "nfe": 20, "caption_accuracy_one_object": 1.0, "caption_accuracy_two_objects": 0.9,
             "seconds_per_image": 0.1, "count": 96, "judge_rules": quality.judge_rules()}
    (data / "tables" / "flow-abababababab-test-96-w3.jsonl").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    found = side.table()
    assert found is not None and "Measured by the project." in found.note
    assert [p["accuracy"] for p in found.points if p["sampler"] == "Euler" and p["family"] == "flow"] == [0.95]


def damaged(good: dict[str, Any]) -> Iterator[Any]:
    """A table with each of its values, in the first of each list, of another kind in turn."""
    for wrong in (None, "text", [], {}, float("nan"), 10**400, "\ud800"):
        yield wrong
        for key in good:
            yield good | {key: wrong}
            yield {name: value for name, value in good.items() if name != key}
            first = good[key][0] if isinstance(good[key], list) and good[key] else {}
            for inner in first:
                yield good | {key: [first | {inner: wrong}, *good[key][1:]]}
                yield good | {key: [{name: value for name, value in first.items() if name != inner}, *good[key][1:]]}


@pytest.mark.slow
def test_a_damaged_table_of_ones_own_is_left_out_and_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = side_by_side(data, lambda ask, split, progress: measured(ask, split), monkeypatch)
    own = data / "tables" / "families.json"
    own.parent.mkdir()
    families.BUNDLED.write_text(json.dumps(table()), encoding="utf-8")
    for content in (b"{", b"", b"\xff", b"[" * 60_000, b"null", b"[1]", *(json.dumps(each).encode() for each in damaged(table()))):
        own.write_bytes(content)
        found = side.table()
        assert found is not None and json.dumps(asdict(found), allow_nan=False, ensure_ascii=False).encode()
        assert "Measured here." in found.note or (f"Your own table {own} could not be read" in found.note and len(found.rows) == 6)
    own.unlink()
    own.mkdir()
    assert "could not be read" in str(side.table().note)                               # type: ignore[union-attr]
    families.BUNDLED.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="git checkout"):
        side.table()


def test_damaged_lines_are_left_out_and_measured_again(data: Path, caplog: pytest.LogCaptureFixture,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def evaluate(ask: Ask, split: str, progress: Any) -> dict[str, Any]:
        asked.append(ask.family)
        return measured(ask, split)
    monkeypatch.setattr(families, "bits_per_dim", lambda bench, count, progress: BITS)
    side, log = side_by_side(data, evaluate, monkeypatch), data / "tables" / "families.jsonl"
    side.measure_families(30, lambda done, total: None)
    lines = log.read_bytes().splitlines()
    asked.clear()
    wrong = [b"{", b"[1]", b"null", b"\xff", b"", lines[0].replace(b'"nfe": ', b'"nfe": "text", "x": ')]
    log.write_bytes(b"\n".join([*wrong, *lines[1:]]) + b"\n")
    side.measure_families(30, lambda done, total: None)
    assert asked == ["diffusion"] and f"{len(wrong)} lines of {log} are damaged" in caplog.text
    assert log.read_bytes().splitlines()[:len(wrong)] == wrong                          # nothing of the user's is deleted
    digest = json.loads((data / "tables" / "families.json").read_text())["rows"][2]["model_sha256"][:12]
    (data / "tables" / f"flow-{digest}-test-96-w3.jsonl").write_bytes(b"{\n[1]\n{}\n")
    (data / "tables" / f"flow-{digest}-test-97-w3.jsonl").mkdir()
    found = side.table()
    assert found is not None and f"Damaged lines are left out of flow-{digest}-test-9" in found.note


def test_pictures_seen_are_summed_over_the_models_before(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(data / "runs", "first", "flow", images=10)
    write(data / "runs", "second", "flow", images=5, **{"from": "first"})
    write(data / "runs", "third", "flow", images=2, **{"from": "second,first"})
    write(data / "runs", "orphan", "flow", images=7, **{"from": "gone"})
    write(data / "runs", "again", "flow", images=3, **{"from": "again"})
    side = side_by_side(data, lambda ask, split, progress: {}, monkeypatch)
    assert side._lineage("third") == {"first", "second", "third"}
    assert side._lineage("orphan") is None and side._lineage("again") is None              # an older model of the same name


def test_the_table_is_published_between_its_marks(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side, readme = side_by_side(data, lambda ask, split, progress: {}, monkeypatch), tmp_path / "README.md"
    (data / "tables").mkdir()
    (data / "tables" / "families.md").write_text("| new |\n", encoding="utf-8")
    (data / "tables" / "families.json").write_text("{}", encoding="utf-8")
    readme.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the lines"):
        side.publish(readme, tmp_path / "families.json")
    readme.write_text("# Title\n<!-- families -->\n| old |\n<!-- /families -->\nend\n", encoding="utf-8")
    for _ in range(2):
        side.publish(readme, tmp_path / "families.json")
        assert readme.read_text(encoding="utf-8") == "# Title\n<!-- families -->\n| new |\n<!-- /families -->\nend\n"
    assert (tmp_path / "families.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([], "Name the family"), (["--table", "--sampler", "ddim"], "each with its own defaults"),
    (["--table", "--count", "3"], "Count must be between 8 and 5000; you asked for 3."),
    (["flow", "--table", "--publish"], "Only the table of all families"), (["flow", "--table", "--samplers"], "of one family")])
def test_bad_requests_are_a_sentence(arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments, "--data", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err
