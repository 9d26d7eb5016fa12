"""Text at the edge: what is none is refused with a sentence wherever it may be given, and é is é however it was typed."""
from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import BadInput, UserError, sentence, sentences
from app.grids.ask import GridAsk
from app.paths import Paths
from app.service import Service
from app.text import readable
from pipelines.options import OptionError

BYTES, HALF, NUL = "\udcff\udcfe red star", "a red star \ud83d", "a red\0 star"
COMPOSED, APART = "un étoile à Hà Nội", unicodedata.normalize("NFD", "un étoile à Hà Nội")
HALFWAY = COMPOSED.replace("ộ", "\u1ecd\u0302").replace("é", "e\u0301")                # as some keyboards type it


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(Paths(tmp_path))
    yield service
    service.close()


PLACES: list[Callable[[Service, str], Any]] = [
    lambda s, text: s.generate(Ask("gan", text)),
    lambda s, text: s.check(Ask("gan", text)),
    lambda s, text: s.generate(Ask("diffusion", "a red star", negative_prompt=text)),
    lambda s, text: s.generate(Ask("gan", "a red star", model=text)),
    lambda s, text: s.generate(Ask("gan", "a red star", sampler=text)),
    lambda s, text: s.generate(Ask(text, "a red star")),
    lambda s, text: s.generate(Ask("diffusion", "a red star", options={text: "1"})),
    lambda s, text: s.generate(Ask("diffusion", "a red star", options={"spacing": text})),
    lambda s, text: s.generate(Ask("flow", "a red star", options={"source": text})),
    lambda s, text: s.generate(Ask("gan", "a red star", seed=text)),
    lambda s, text: s.grids.check(GridAsk(Ask("gan", text), "seed=1,2")),
    lambda s, text: s.grids.start(GridAsk(Ask("gan", text), "prompt=a star | a cross")),
    lambda s, text: s.grids.start(GridAsk(Ask("gan", "a star"), f"prompt=a star | {text}")),
    lambda s, text: s.grids.start(GridAsk(Ask("gan", "a star"), f"{text}=1")),
    lambda s, text: s.grids.start(GridAsk(Ask("gan", "a star"), "seed=1,2", name=text)),
    lambda s, text: s.grids.change("0" * 32, name=text),
    lambda s, text: s.grids.change("0" * 32, note=text),
    lambda s, text: s.grids.list(text),
    lambda s, text: s.gallery.page(text=text),
    lambda s, text: s.gallery.page(family=text),
    lambda s, text: s.gallery.page(sampler=text),
    lambda s, text: s.library.search(text),
    lambda s, text: s.library.search("", licence=text),
    lambda s, text: s.library.info(text),
    lambda s, text: s.library.info("me/net", text),
    lambda s, text: s.library.download(text),
    lambda s, text: s.library.download("me/net", text),
    lambda s, text: s.library.verify(text),
    lambda s, text: s.library.remove(text),
    lambda s, text: s.library.drawable(text),
]


@pytest.mark.parametrize("text", [BYTES, HALF, NUL])
def test_what_is_no_text_is_refused_everywhere(service: Service, text: str) -> None:
    for number, place in enumerate(PLACES):
        with pytest.raises(sentences()) as said:
            place(service, text)
        sentence(said.value).encode("utf-8")                                # an answer can carry it
        assert "\0" not in sentence(said.value), number
    assert service.jobs() == [] and service.gallery.page().total == 0


@pytest.mark.parametrize("arguments", [
    ("sample", "gan", "--prompt", BYTES), ("sample", "diffusion", "--prompt", "a", "--negative-prompt", BYTES),
    ("sample", "gan", "--prompt", "a", "--model", BYTES), ("compare", "gan", "--prompt", "a", "--x", f"prompt={BYTES}"),
    ("compare", "gan", "--prompt", "a", "--x", "seed=1", "--name", BYTES), ("gallery", "--text", BYTES), ("gallery", "--family", BYTES),
    ("models", "search", BYTES), ("models", "info", BYTES), ("models", "push", "run", "--repo", BYTES), ("again", BYTES),
    ("train", "gan", "--name", BYTES), ("examine", "flow", "own.png", "--prompt", BYTES), ("bench", BYTES)])
def test_the_command_line_refuses_bytes_that_are_no_text(arguments: tuple[str, ...], tmp_path: Path,
                                                         capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--data", str(tmp_path), "--json"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and "no UTF-8" in error and error.count("\n") == 1


def test_white_space_is_kept_and_control_characters_are_named() -> None:
    assert readable("a red\tstar\non black\u2028") == "a red\tstar\non black\u2028"
    for c, name in (("\0", "U+0000"), ("\x1b", "U+001B"), ("\x7f", "U+007F"), ("\x9b", "U+009B")):
        with pytest.raises((BadInput, OptionError), match=name.replace("+", "[+]")):
            readable(f"a {c}[31m star")


def test_accents_are_one_character_however_they_were_typed(service: Service) -> None:
    assert COMPOSED != APART != HALFWAY != COMPOSED
    drawn = {}
    for text in (COMPOSED, APART, HALFWAY):
        view = service.wait(service.generate(Ask("gan", text, count=1)))
        assert view.status == "done" and view.settings["prompt"] == COMPOSED
        drawn[text] = Path(view.shots[0].path)
    from PIL import Image

    from storage import read_settings
    assert len({Image.open(path).tobytes() for path in drawn.values()}) == 1
    assert {read_settings(path)["prompt"] for path in drawn.values()} == {COMPOSED}
    for text in (COMPOSED, APART, HALFWAY):
        assert service.gallery.page(text=text).total == service.gallery.page(text=text.upper()).total == 3
    grid = service.grids.start(GridAsk(Ask("gan", APART, count=1), f"prompt={APART} | {HALFWAY}", distance=False, name=APART))
    service.wait(service.grids.view(grid)["job"])
    assert service.grids.find(grid).axes["x"]["labels"] == [COMPOSED]
    service.grids.change(grid, note=HALFWAY)
    assert [found["note"] for found in service.grids.list(APART)["items"]] == [COMPOSED]


@pytest.mark.slow
def test_the_command_line_lists_as_many_as_it_is_asked_for(service: Service, capsys: pytest.CaptureFixture[str],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a page holds."""
    for _ in range(2):
        service.wait(service.generate(Ask("gan", "a red star", count=2)))
    whole = service.gallery.page
    monkeypatch.setattr("app.gallery.gallery.Gallery.page", lambda self, limit, **rest: whole(limit=min(limit, 3), **rest))
    for limit, count in ((1, 1), (3, 3), (4, 4), (1000, 4)):
        assert main(["gallery", "--limit", str(limit), "--data", str(service.paths.data), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["total"] == 4 and len({image["id"] for image in found["images"]}) == count


def test_old_rows_are_found(service: Service) -> None:
    """Written before texts were composed, in whatever form they were typed."""
    import sqlite3

    from storage.database import NAME
    for text in (APART, HALFWAY):
        view = service.wait(service.generate(Ask("gan", "old", count=1)))
        with sqlite3.connect(service.paths.data / NAME) as database:
            database.execute("UPDATE images SET prompt = ?, search = ? WHERE id = ?", (text, text.lower(), view.shots[0].id))
        database.close()
    for text in (COMPOSED, APART, HALFWAY):
        assert service.gallery.page(text=text).total == 2


def test_runs_are_found_however_the_file_system_writes_them(tmp_path: Path) -> None:
    from app.models.models import Models
    run = tmp_path / "runs" / unicodedata.normalize("NFD", "étoile")
    run.mkdir(parents=True)
    (run / "model.safetensors").write_bytes(b"")
    models = Models(Weights(tmp_path / "runs", tmp_path / "models"))
    for form in ("NFC", "NFD"):
        found = models.weights.find(unicodedata.normalize(form, "étoile"))
        assert found.name == unicodedata.normalize("NFC", "étoile") and found.path.exists()


def test_captions_are_read_composed() -> None:
    from pipelines.data.shapes.tokenizer import tokenizer
    from pipelines.data.text import normalise
    assert normalise(APART) == normalise(HALFWAY) == normalise(COMPOSED)
    assert tokenizer().encode(APART) == tokenizer().encode(COMPOSED)


def test_sentences_can_always_be_sent() -> None:
    assert json.loads(json.dumps({"error": sentence(UserError(f"There is no {HALF}."))}, ensure_ascii=False).encode()) == {
        "error": "There is no a red star \\ud83d."}
