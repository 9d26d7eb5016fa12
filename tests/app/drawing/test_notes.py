"""What of a request does nothing, or is not read, is said in a sentence: on the page, by `sample`, and by the cells of a grid."""
from __future__ import annotations

from typing import Any

import pytest

from app.drawing.ask import Ask, make_request
from app.errors import BadInput
from app.grids.ask import GridAsk
from app.grids.plan import make_plan
from pipelines.effects import notes_with
from pipelines.hub.words import Reader
from pipelines.options import OptionError
from pipelines.request import MAX_PROMPT, Request
from tests.app.ui.test_offered import WithHub


def asked(model: str = "shapes-diffusion", prompt: str = "a red star", **more: Any) -> Request:
    family = next(m.family for m in WithHub.there if m.name == model)
    return make_request(WithHub().resolved(Ask(family, prompt, model=model, **{"count": 1, **more})))


def said(*given: Any, **more: Any) -> str:
    return " ".join(asked(*given, **more).notes)


@pytest.mark.parametrize(("model", "more", "sentence"), [
    ("shapes-diffusion", {"guidance_scale": 1}, "The negative prompt has no effect here: guidance 1 never asks without the prompt."),
    ("shapes-gan", {}, "The negative prompt has no effect here: GAN has no guidance."),
    ("shapes-vqvae", {}, "The negative prompt has no effect here: VQ-VAE has no place for one."),
    ("flux", {}, "The negative prompt has no effect here: FLUX.1 has no place for one."),
    ("ddpm", {}, "The negative prompt has no effect here: this model draws without a caption."),
    ("sd", {"guidance_scale": 0}, "The prompt has no effect here: guidance 0 asks only with the negative prompt, which is what is drawn."),
    ("shapes-dalle", {"guidance_scale": 0}, "guidance 0 asks only with the negative prompt, which is what is drawn.")])
def test_a_negative_prompt_that_does_nothing_or_all(model: str, more: dict[str, Any], sentence: str) -> None:
    assert sentence in said(model, negative_prompt="a red ring", **more)
    assert "negative" not in said(model, **more)


@pytest.mark.parametrize(("more", "sentence"), [
    ({"options": {"source": "0" * 64, "strength": 0.05, "steps": 10}}, "Strength 0.05 of 10 steps is less than one step; one is taken, as "
     "with strength 0.1."),
    ({"options": {"source": "0" * 64, "strength": 0.5, "steps": 1}}, "next to nothing of the picture stays"),
    ({"options": {"source": "0" * 64, "strength": 0.1, "steps": 10}}, ""),
    ({"options": {"karras": True, "spacing": "leading"}, "sampler": "dpmpp_2m"}, "Spacing has no effect here"),
    ({"options": {"karras": True}, "sampler": "dpmpp_2m"}, ""),
    ({"options": {"source": "0" * 64, "t_start": 0.3, "steps": 3}, "model": "sd3"}, "lies before the end of the first of 3 steps"),
    ({"options": {"source": "0" * 64, "t_start": 0.4, "steps": 3}, "model": "sd3"}, ""),
    ({"options": {"source": "0" * 64, "t_start": 0.3, "steps": 3}, "model": "shapes-flow"}, ""),
    ({"options": {"denoise": False}, "sampler": "ode_heun", "model": "shapes-sde"}, "Last step without noise has no effect here"),
    ({"options": {"denoise": False}, "sampler": "ancestral", "model": "shapes-sde"}, ""),
    ({"options": {"second": 5}, "model": "shapes-gan"}, "Second seed has no effect here: nothing is taken"),
    ({"options": {"second": 5, "interpolation": 0.5}, "model": "shapes-gan"}, ""),
    ({"sampler": "greedy", "model": "shapes-dalle", "count": 2}, "Seed has no effect here: Greedy draws one picture"),
    ({"sampler": "greedy", "model": "shapes-dalle"}, "")])
def test_options_that_do_nothing(more: dict[str, Any], sentence: str) -> None:
    assert sentence in said(**more) and bool(sentence) == bool(said(**more))


@pytest.mark.parametrize(("prompt", "sentence"), [
    ("🎉🎈", "Nothing of the prompt can be read, since the model knows letters and digits only; it counts as empty."),
    ("!?", "Nothing of the prompt can be read"), ("a red star 🎉", "🎉 of the prompt is left out"),
    ("a (red star:1.5)", "(red star:1.5) of the prompt is read as plain words"),
    ("a {red|blue} star", "{red|blue} of the prompt is read as"),
    ("a [red] star", "[red] of the prompt"), ("((red)) star", "((red)) of the prompt"), ("a red star <lora:x:0.8>", "<lora:x:0.8> of the"),
    ("a red star (large)", ""), ("a red star: large, on black.", "")])
def test_what_is_written_in_a_prompt_and_not_read(prompt: str, sentence: str) -> None:
    assert sentence in said(prompt=prompt) and sentence.replace("the prompt", "the negative prompt") in said(negative_prompt=prompt)
    assert bool(sentence) == bool(said(prompt=prompt))
    if "of the prompt is read" in sentence:
        assert sentence in said("sd", prompt)


def test_prompts_that_are_longer_than_the_model_reads() -> None:
    long = "a large red star above a small blue ring " * 5
    for request, words in ((asked(prompt=long), "The prompt"), (asked(negative_prompt=long), "The negative prompt")):
        assert notes_with(request, None) == [f"{words} is longer than the model reads; its last 23 tokens were left out."]
    assert not notes_with(asked(negative_prompt=long, guidance_scale=1), None) and not notes_with(asked("shapes-vqvae", long), None)
    assert asked(prompt="a red star " * (MAX_PROMPT // 11)).prompt
    with pytest.raises((BadInput, OptionError), match="at most 4,000 are accepted"):
        asked(prompt="x" * (MAX_PROMPT + 1))


class Letters:
    """A tokenizer with a token for each letter and digit, and two around all."""
    unk_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool = True) -> Any:
        class Found:
            input_ids = [ord(c) if c.isalnum() else 0 for c in text if c != " "] + [1, 2] * add_special_tokens
        return Found


class Net:
    def __init__(self, *readers: Reader) -> None:
        self._readers = readers

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return self._readers

    def idle(self, request: Request) -> dict[str, str]:
        return {"guidance_scale": "these weights were distilled"}


def test_what_the_tokenizers_of_a_pretrained_model_leave_out() -> None:
    short, other, wide = (Reader(title, Letters(), length, before) for title, length, before in (
        ("CLIP", 7, ""), ("T5", 100, ""), ("Gemma", 10, "abc")))
    request = asked("sd", "ab cd ef", negative_prompt="ab cd efg", guidance_scale=7.5)
    assert notes_with(request, Net(short)) == ["The prompt is longer than the model reads; its last token was left out.",
                                               "The negative prompt is longer than the model reads; its last 2 tokens were left out."]
    both = notes_with(request, Net(short, other))[0]
    assert both == "The prompt is longer than CLIP reads; its last token was left out there, while T5 reads all."
    assert notes_with(request, Net(wide))[0].endswith("its last token was left out.") and not notes_with(request, Net(other))
    assert "Nothing of the prompt is known to the model's tokenizer" in notes_with(asked("sd", "🎉"), Net(other))[0]
    assert notes_with(asked("sd", guidance_scale=3), Net()) == ["Guidance has no effect here: these weights were distilled."]


def test_a_cell_says_what_does_nothing_in_it_and_what_no_axis_says_of_it() -> None:
    found = make_plan(GridAsk(Ask("diffusion", "a red star", negative_prompt="a ring", count=1), "guidance_scale=1,3"), WithHub())
    assert [bool(spot.note and "never asks without the prompt" in spot.note) for spot in found.spots] == [True, False]
    found = make_plan(GridAsk(Ask("gan", "a purple sofa", negative_prompt="a ring", count=1), "seed=1,2"), WithHub())
    assert [spot.note for spot in found.spots] == [None, None] and len(found.notes) == 2       # what holds for all is said once
    found = make_plan(GridAsk(Ask("flow", "a red star", count=1), "model=shapes-flow,shapes-flow-rectified,sd3"), WithHub())
    assert [spot.request.guidance_scale for spot in found.spots if spot.request] == [3, 1, 4.5]
    assert [str(spot.note).split(",")[0] for spot in found.spots] == ["guidance 3", "guidance 1", "guidance 4.5"]
    found = make_plan(GridAsk(Ask("diffusion", "a red star", count=1), "family=diffusion,vqvae"), WithHub())
    assert [spot.note for spot in found.spots] == ["guidance 3, DDIM", "guidance 4, Top p"]
    found = make_plan(GridAsk(Ask("sde", "a red star", count=1), "sampler=ode_heun,ancestral"), WithHub())
    assert [str(spot.note).split(",")[0] for spot in found.spots] == ["25 steps", "100 steps"]
    found = make_plan(GridAsk(Ask("sde", "a red star", count=1, options={"rho": 1}), "sampler=ode_heun,ancestral", "steps=5,10"), WithHub())
    assert [spot.note for spot in found.spots] == [None] * 4
