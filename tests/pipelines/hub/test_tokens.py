"""Pretrained models that draw codes: what the library's own loops draw, and alone what they draw among others."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AmusedPipeline
from torch import Tensor

from pipelines.engine import Engine
from pipelines.hub.load import load
from pipelines.hub.model import HubModel
from pipelines.options import OptionError
from pipelines.protocol import Preview, run_alone
from pipelines.request import Request
from pipelines.vqvae.masked import MaskedOptions
from tests.pipelines.hub import tiny_more
from tests.pipelines.hub.models import AMONG, CPU, PROMPT, ask, drawn, loaded, nets_of
from tests.rounding import bfloat16_in_attention

pytestmark = pytest.mark.slow

DRAWS = ("ancestral", "top_k", "top_p", "greedy")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[HubModel, Any]]:
    """Ours and the library's, by the adapter's name, read from the same files."""
    found: dict[str, tuple[HubModel, Any]] = {}

    def of(adapter: str) -> tuple[HubModel, Any]:
        if adapter not in found:
            folder: Path = tmp_path_factory.mktemp(adapter)
            built = getattr(tiny_more, adapter)(folder)
            theirs = type(built).from_pretrained(folder)
            found[adapter] = loaded(adapter, folder), theirs if isinstance(theirs, AmusedPipeline) else theirs.eval()
        return found[adapter]
    return of


def masked(steps: int = 4, *, guidance: float = 1.0, size: tuple[int, int] = (0, 0), negative: str = "", seed: int = 3, count: int = 1,
           **options: float) -> Request:
    return Request("vqvae", "m", "masked", MaskedOptions(steps, **options), PROMPT, negative, adapter="amused", guidance_scale=guidance,
                   seed=seed, count=count, width=size[0], height=size[1])


def outcome(request: Request, net: HubModel) -> Any:
    """What `run_alone` returns, an Outcome."""
    with torch.inference_mode():
        return run_alone(net.drawing.start(request, "w", net, CPU, previews=False), nets_of(net))


@pytest.mark.parametrize("steps", [1, 3, 12])
@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_masked_is_the_librarys(tmp_path: Path, schedule: str, steps: int) -> None:
    """To the bit, with one generator for one picture: the order in which random numbers are used is the library's too."""
    pipe: Any = tiny_more.amused(tmp_path, schedule)
    pipe.set_progress_bar_config(disable=True)
    net = loaded("amused", tmp_path)
    for guidance in (1.0, 4.0):
        request = masked(steps, guidance=guidance, negative="blue")
        theirs = pipe(PROMPT, negative_prompt="blue", guidance_scale=guidance, num_inference_steps=steps,
                      generator=torch.Generator().manual_seed(3), output_type="pt").images
        assert torch.equal(outcome(request, net).x, theirs * 2 - 1)
    hotter = masked(steps, temperature=5.0, last_temperature=1.0, size=(32, 32))
    theirs = pipe(PROMPT, guidance_scale=1.0, num_inference_steps=steps, generator=torch.Generator().manual_seed(3), output_type="pt",
                  temperature=(5, 1), height=32, width=32).images
    assert torch.equal(outcome(hotter, net).x, theirs * 2 - 1)


def test_masked_rows_are_their_own(models: Any) -> None:
    net, _ = models("amused")
    together = outcome(masked(6, guidance=3.0, count=3), net)
    for k in range(3):
        alone = outcome(masked(6, guidance=3.0, seed=3 + k), net)
        assert torch.equal(alone.tokens[0], together.tokens[k]) and torch.allclose(alone.x[0], together.x[k], atol=AMONG)
    assert together.nfe == (6, 6, 6)


def test_masked_shows_its_guesses(models: Any) -> None:
    net, _ = models("amused")
    seen: list[Any] = []
    with torch.inference_mode():
        run_alone(net.drawing.start(masked(5), "w", net, CPU), nets_of(net), seen.append)
    shown = [yielded for yielded in seen if isinstance(yielded, Preview)]
    assert [p.step for p in shown] == [1, 2, 3, 4, 5] and shown[-1].sigma == 0
    assert all(before.sigma > after.sigma for before, after in zip(shown, shown[1:], strict=False))
    assert shown[0].x0.shape == (1, 3, 16, 16)


def generated(adapter: str, net: Any, theirs: Any, request: Request) -> tuple[Tensor, Tensor]:
    """(codes (L,), picture (3, H, H) in [-1, 1]) as the library draws them, always the likeliest."""
    if adapter == "imagegpt":
        codes = theirs.generate(torch.full((1, 1), 16), max_length=37, do_sample=False)[0, 1:]
        return codes, (torch.tensor(net.processor.clusters)[codes]).view(6, 6, 3).permute(2, 0, 1)
    ids, null = (z - net.count for z in net.prompts(request, 4))
    if adapter == "janus":
        codes = theirs.generate(ids, attention_mask=torch.ones_like(ids), generation_mode="image", do_sample=False,
                                guidance_scale=request.guidance_scale, max_length=64)
        return codes[0], theirs.decode_image_tokens(codes)[0].permute(2, 0, 1)
    words = theirs.vocabulary_mapping
    without: dict[str, Any] = {"guidance_scale": request.guidance_scale, "negative_prompt_ids": null,
                               "negative_prompt_attention_mask": torch.ones_like(null)}

    def allowed(row: int, so_far: Tensor) -> list[int]:
        return [words.eol_token_id] if (len(so_far) - ids.shape[1]) % 5 == 4 else words.image_tokens
    tokens = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20,
                             prefix_allowed_tokens_fn=allowed, **(without if request.guidance_scale != 1 else {}))[:, ids.shape[1]:]
    picture = theirs.decode_image_tokens(image_tokens=torch.nn.functional.pad(tokens, (0, 3)), height=4, width=4)[0]
    return words.convert_bpe2img(tokens.view(1, 4, 5)).flatten(), picture


def token_request(adapter: str, sampler: str = "greedy", **more: Any) -> Request:
    own: dict[str, dict[str, Any]] = {"imagegpt": {"prompt": ""}, "emu3": {"size": (8, 8)}}
    return ask(adapter, sampler, **{**own.get(adapter, {}), **more})


@pytest.mark.parametrize(("adapter", "guidance", "negative"), [
    ("imagegpt", 1.0, ""), ("janus", 3.0, ""), ("emu3", 1.0, ""), ("emu3", 3.0, "blue"), ("emu3", 3.0, "a negative prompt of more bytes"),
])
def test_greedy_is_the_librarys(models: Any, adapter: str, guidance: float, negative: str) -> None:
    net, theirs = models(adapter)
    request = token_request(adapter, guidance=guidance, negative=negative)
    with torch.inference_mode():
        codes, picture = generated(adapter, net, theirs, request)
    ours = outcome(request, net)
    assert torch.equal(ours.tokens[0], codes.long()) and len(codes.unique()) > 3
    assert (ours.x[0] - picture).abs().max() == 0


def all_logits(adapter: str, net: Any, theirs: Any, tokens: Tensor) -> Tensor:
    """Logits (B, n, K) after each of the tokens (B, n), read at once by the library's network, which remembers nothing."""
    if adapter == "imagegpt":
        return theirs(input_ids=tokens, use_cache=False).logits
    words, codes = (tokens - net.count).clamp(min=0), tokens.clamp(max=net.count - 1)
    is_code = tokens < net.count
    if adapter == "janus":
        h = torch.where(is_code[..., None], theirs.prepare_embeddings_for_image_generation(codes), theirs.get_input_embeddings()(words))
        return theirs.model.generation_head(theirs.model.language_model(inputs_embeds=h, use_cache=False).last_hidden_state)
    ids = torch.where(is_code, theirs.vocabulary_mapping.img2bpe_mapping_tensor[codes], words)
    return theirs(input_ids=ids, use_cache=False).logits[..., net.names]


@pytest.mark.parametrize("adapter", ["imagegpt", "janus", "emu3"])
def test_remembered_is_read_again(models: Any, adapter: str) -> None:
    """Rows at different positions, in slots out of order, and a slot's old content is never seen."""
    net, theirs = models(adapter)
    layers, kinds, *rest = net.shape
    memory, slots, lengths = torch.randn(layers, kinds, 7, *rest), torch.tensor([5, 1, 3]), [6, 2, 4]
    tokens = torch.randint(net.count, (3, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = net.count                                                  # of what stands before a picture
    with torch.inference_mode():
        expected = all_logits(adapter, net, theirs, tokens)
        for row, length in enumerate(lengths):
            said = net.read(tokens[row:row + 1, :length], torch.zeros(1, dtype=torch.long), {}, slots[row:row + 1], memory)
            assert (said[0] - expected[row, length - 1]).abs().max() < AMONG
        for step in range(3):
            at = torch.tensor(lengths) + step
            said = net.read(tokens.gather(1, at[:, None]), at, {}, slots, memory)
            assert (said - expected[torch.arange(3), at]).abs().max() < AMONG


@pytest.mark.parametrize("adapter", ["imagegpt", "janus", "emu3"])
def test_alone_is_among_others(models: Any, adapter: str) -> None:
    net, _ = models(adapter)
    asked = [token_request(adapter, "ancestral", count=2), token_request(adapter, "top_k", seed=9, top_k=4)]
    if adapter != "imagegpt":
        asked += [token_request(adapter, "top_p", prompt="blue", guidance=2.5, seed=5), token_request(adapter, "greedy", guidance=0.0)]
    engine = Engine(nets_of(net))
    jobs = [engine.submit(net.drawing.start(request, "w", net, CPU, previews=False)) for request in asked]
    results: list[Any] = [job.result() for job in jobs]
    kept = list(engine._slabs)
    engine.close()
    assert kept == []
    for request, result in zip(asked, results, strict=True):
        alone = outcome(request, net)
        assert torch.equal(alone.tokens, result.tokens) and (alone.x - result.x).abs().max() <= AMONG
    first = outcome(token_request(adapter, "ancestral", seed=4), net)
    assert torch.equal(first.tokens[0], results[0].tokens[1])


@pytest.mark.parametrize("adapter", ["imagegpt", "janus", "emu3"])
def test_every_way_to_draw_and_what_is_seen(models: Any, adapter: str) -> None:
    net, _ = models(adapter)
    for sampler in DRAWS:
        assert drawn(token_request(adapter, sampler), net).isfinite().all()
    seen: list[Any] = []
    with torch.inference_mode():
        run_alone(net.drawing.start(token_request(adapter, "ancestral"), "w", net, CPU), nets_of(net), seen.append)
    shown = [yielded for yielded in seen if isinstance(yielded, Preview)]
    side = 6 if adapter == "imagegpt" else 4
    assert [p.step for p in shown] == [side * (k + 1) for k in range(side)]
    assert all(p.x0.isfinite().all() for p in shown)


@pytest.mark.parametrize(("adapter", "wrong"), [
    ("imagegpt", {"size": (32, 32)}), ("janus", {"size": (16, 8)}), ("janus", {"prompt": "red " * 100}), ("emu3", {"size": (8, 16)}),
    ("emu3", {"size": (9, 9)}), ("emu3", {"prompt": "red " * 100}), ("emu3", {"size": (64, 64)}), ("amused", {"size": (17, 16)}),
])
def test_what_can_not_be_drawn(models: Any, adapter: str, wrong: dict[str, Any]) -> None:
    net, _ = models(adapter)
    request = masked(**wrong) if adapter == "amused" else token_request(adapter, **wrong)
    with pytest.raises(OptionError, match=r"\w.*\."):
        outcome(request, net)


@bfloat16_in_attention
@pytest.mark.parametrize("adapter", ["amused", "imagegpt", "janus", "emu3"])
def test_in_half_precision(tmp_path: Path, adapter: str) -> None:
    getattr(tiny_more, adapter)(tmp_path)
    net = load(adapter, tmp_path, CPU, torch.bfloat16)
    request = masked(3, guidance=2.0) if adapter == "amused" else token_request(adapter, "ancestral", guidance=2.0 * net.info.guided or 1.0)
    picture = drawn(request, net)
    assert picture.dtype == torch.float32 and picture.isfinite().all()


def test_colours_of_the_published_settings(tmp_path: Path) -> None:
    """openai/imagegpt-small has a size in one number and a class name of older days."""
    tiny_more.imagegpt(tmp_path)
    old = {"clusters": [[k / 8 - 1, 0.0, 0.5] for k in range(16)], "do_normalize": True, "do_resize": True, "resample": 2, "size": 6,
           "feature_extractor_type": "ImageGPTFeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old), encoding="utf-8")
    net = loaded("imagegpt", tmp_path)
    picture = net.decode(torch.tensor([[[0, 15], [8, -1]]]), {})
    assert picture[0, :, 0, 0].tolist() == [-1, 0, 0.5] and picture[0, 0, 0, 1] == 0.875 and picture[0, :, 1, 1].tolist() == [0, 0, 0]


def test_janus_takes_a_tokenizer_that_leaves_the_beginning_out(models: Any, tmp_path: Path) -> None:
    net, _ = models("janus")
    bare = tiny_more.byte_words(("<begin_of_image>", "<bos>", "<eos>", "<pad>", "<|User|>", "<|Assistant|>", "<image>"), bos_token="<bos>",
                                pad_token="<pad>")
    expected, kept = net.prompts(token_request("janus"), 4), net.tokenizer
    net.tokenizer = bare
    found = net.prompts(token_request("janus"), 4)
    net.tokenizer = kept
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert (expected[1] != expected[0]).sum() == expected[0].shape[1] - 2
