"""Pictures as codes through the service: reconstruct, change, look at what the model thought, continue."""
from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.drawing.ask import Ask
from app.errors import BadInput, UserError, sentences
from app.paths import Paths
from app.service import Service
from pipelines.data.shapes.captions import item
from pipelines.data.shapes.scenes import render
from pipelines.options import OptionError
from tests.tiny import tiny
from weights.load import save

TOKENS = ("vqvae", "dalle")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("data")
    for family in (*TOKENS, "gan"):
        net = tiny(family)
        (folder / "runs" / family).mkdir(parents=True)
        save(folder / "runs" / family / "model.safetensors", net.state_dict(),
             {"family": family, "title": "tiny", "config": net.config.to_dict()})
    with pytest.MonkeyPatch.context() as patch:
        # In fp32 on every processor: a token that is drawn beside others is rounded as it is alone.
        patch.setattr("pipelines.engine.precision.fast_bf16", lambda device: False)
        service = Service(Paths(folder))
        yield service
        service.close()


def pixels(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def picture() -> Image.Image:
    return Image.fromarray(render(item("test", 0, 3)[0]))


@pytest.mark.parametrize("family", TOKENS)
def test_reconstruct_and_change_a_code(service: Service, family: str) -> None:
    ask = Ask(family, "", model=family)
    view = service.codes.reconstruct(ask, picture())
    assert np.asarray(view.codes).shape == (8, 8) and view.psnr is not None and view.thought is None and view.model == family
    assert view.picture is not None and pixels(view.picture).shape == (32, 32, 3)
    assert service.codes.decode(ask, view.codes) == view.decoded
    error = np.mean((pixels(view.decoded) / 255.0 - pixels(view.picture) / 255.0) ** 2)
    assert view.psnr == pytest.approx(-10 * np.log10(error), abs=1e-6)
    changed = [list(row) for row in view.codes]
    changed[0][0] = (changed[0][0] + 1) % 16
    difference = np.abs(pixels(service.codes.decode(ask, changed)).astype(int) - pixels(view.decoded).astype(int)).sum(2)
    assert difference[:4, :4].mean() > 3 * difference[24:, 24:].mean()               # a code says what is near its place


@pytest.mark.parametrize("family", TOKENS)
def test_what_the_model_thought_of_a_drawn_picture(service: Service, family: str) -> None:
    done = service.wait(service.generate(Ask(family, "a red star", model=family, guidance_scale=1, seed=3, count=2)))
    assert done.status == "done" and done.shots[0].nfe == 64
    view = service.codes.of_job(done.id, 1)
    shown = np.asarray(Image.open(done.shots[1].path).convert("RGB")).astype(int)
    assert np.abs(pixels(view.decoded).astype(int) - shown).max() <= 1 and view.picture is None            # a grey level, by rounding
    thought = view.thought
    assert thought is not None and len(thought.p) == 64 and len(thought.top[0]) == 5
    for code, p, top, top_p in zip(np.ravel(view.codes).tolist(), thought.p, thought.top, thought.top_p, strict=True):
        assert top_p == sorted(top_p, reverse=True) and sum(top_p) <= 1.001              # shares are told by three digits
        if code in top:
            assert p == pytest.approx(top_p[top.index(code)], abs=2e-4)
    assert thought.words == (("red star",) if family == "vqvae" else tuple(thought.words))
    attention = np.asarray(thought.attention)
    assert attention.shape == (64, len(thought.words)) and (attention > 0).all() and (attention.sum(1) <= 1.001).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", TOKENS)
def test_the_codebook(service: Service, family: str) -> None:
    book = service.codes.codebook(Ask(family, "", model=family))
    assert len(book.tiles) == len(book.usage) == len(set(book.colours)) == 16 and sum(book.usage) == pytest.approx(1)
    assert pixels(book.tiles[0]).shape == (8, 8, 3) and service.codes.codebook(Ask(family, "", model=family)) is book


def test_bad_codes_and_families_without_codes_get_a_sentence(service: Service) -> None:
    ask = Ask("vqvae", "", model="vqvae")
    for codes in ([[0] * 8] * 7, [[0] * 8] * 7 + [[0] * 7], [[16] * 8] * 8, [[-1] * 8] * 8, [[0.5] * 8] * 8, []):
        with pytest.raises((BadInput, OptionError), match="8 rows of 8 whole numbers from 0 to 15"):
            service.codes.decode(ask, codes)                                          # type: ignore[arg-type]
    with pytest.raises((BadInput, OptionError), match="Diffusion has no codes"):
        service.codes.codebook(Ask("diffusion", ""))
    with pytest.raises(sentences(), match="no longer kept"):
        service.codes.of_job("nothing", 0)
    with pytest.raises((BadInput, OptionError), match="colour and a shape"):
        service.generate(Ask("vqvae", "an elephant", model="vqvae"))


def test_completion_keeps_the_upper_rows(service: Service) -> None:
    ask = Ask("dalle", "a blue ring", model="dalle", guidance_scale=2, count=2)
    own = service.codes.reconstruct(ask, picture()).codes
    source = service.keep_source(ask, picture())
    done = service.wait(service.generate(Ask("dalle", "a blue ring", model="dalle", guidance_scale=2, count=2,
                                             options={"source": source, "keep_rows": 3})))
    assert done.status == "done" and done.shots[0].nfe == 2 * 40
    for k in range(2):
        assert service.codes.of_job(done.id, k).codes[:3] == own[:3]
    assert service.codes.of_job(done.id, 0).codes != service.codes.of_job(done.id, 1).codes
    painted = service.wait(service.generate(Ask("dalle", "a blue ring", model="dalle", guidance_scale=1, count=1,
                                                options={"source": source, "mask": "00ff000000000001"})))
    assert painted.shots[0].nfe == 64 - 9 == service.check(Ask("dalle", "a blue ring", model="dalle", guidance_scale=1, options={
        "source": source, "mask": "00ff000000000001"})).nfe
    kept = service.codes.of_job(painted.id, 0).codes
    assert kept[1] == own[1] and kept[7][7] == own[7][7] and kept != own
    for options, sentence in (({"keep_rows": 3}, "kept of a picture only"), ({"mask": "f" * 16}, "kept of a picture only"),
                              ({"source": source, "mask": "xyz"}, "16 digits"), ({"source": source}, "Nothing of the picture"),
                              ({"source": source, "mask": "f" * 16}, "whole picture"),
                              ({"source": source, "keep_rows": 4, "mask": "0" * 8 + "f" * 8}, "whole picture")):
        with pytest.raises((BadInput, OptionError), match=sentence):
            service.generate(Ask("dalle", "a ring", model="dalle", options=options))


@pytest.mark.slow
def test_the_best_of_several_is_one_of_them(service: Service) -> None:
    def codes(candidates: int) -> tuple[list, str | None]:
        done = service.wait(service.generate(Ask("dalle", "a blue ring", model="dalle", guidance_scale=1, seed=5, count=1,
                                                 options={"candidates": candidates})))
        return service.codes.of_job(done.id, 0).codes, done.shots[0].note
    assert service.check(Ask("dalle", "a blue ring", model="dalle", guidance_scale=1, options={"candidates": 4})).nfe == 4 * 64
    alone, nothing = codes(1)
    best, note = codes(4)
    assert nothing is None and note is not None and "best of 4" in note
    single = [service.wait(service.generate(Ask("dalle", "a blue ring", model="dalle", guidance_scale=1, count=1,
                                                seed=5 + k * 1_000_003))) for k in range(4)]
    assert best in [service.codes.of_job(view.id, 0).codes for view in single] and alone in [
        service.codes.of_job(view.id, 0).codes for view in single]


def test_a_walk_begins_and_ends_at_its_seeds(service: Service) -> None:
    ask = Ask("gan", "a red star", model="gan", seed=7, count=1, options={"second": 9})
    film, table = service.seeds.interpolation(ask), service.seeds.style_mixing(ask)

    def own(seed: int, **options: object) -> np.ndarray:
        view = service.wait(service.generate(Ask("gan", "a red star", model="gan", seed=seed, count=1, options=options)))
        return np.asarray(Image.open(view.shots[0].path).convert("RGB")).astype(int)
    assert len(film.pictures) == 33 and len(table.pictures) == 25 and film.captions[0].startswith("D = ")
    for shown, expected in ((film.pictures[0], own(7)), (film.pictures[-1], own(9)), (table.pictures[0], own(7, mix="style", second=9)),
                            (table.pictures[6], own(8, mix="style", second=10))):
        assert np.abs(pixels(shown).astype(int) - expected).max() <= 2               # two grey levels: both are rounded
    with pytest.raises(UserError, match="no generator"):
        service.seeds.interpolation(Ask("vqvae", "a red star", model="vqvae"))


def test_a_gan_refuses_guidance(service: Service) -> None:
    with pytest.raises((BadInput, OptionError), match="no guidance"):
        service.generate(Ask("gan", "a red star", model="gan", guidance_scale=3))
    assert service.check(Ask("gan", "a red star", model="gan", count=1)).calls == 1


def test_the_discrete_vae_serves_the_same_panel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = tiny("dalle")
    config = net.config.to_dict() | {"training": {"tokens": "dvae"}}
    from pipelines import registry
    discrete = registry.family("dalle").build(config).eval()
    (tmp_path / "runs" / "soft").mkdir(parents=True)
    save(tmp_path / "runs" / "soft" / "model.safetensors", discrete.state_dict(), {"family": "dalle", "title": "t", "config": config})
    service = Service(Paths(tmp_path))
    view = service.codes.reconstruct(Ask("dalle", "", model="soft"), picture())
    assert np.asarray(view.codes).shape == (8, 8)
    service.close()
