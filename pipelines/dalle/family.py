"""The DALL-E family (Ramesh et al. 2021) as the rest of the program sees it."""
from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.dalle import objective, scorer
from pipelines.dalle.network import DALLE, DALLEConfig
from pipelines.dalle.sampler import best, completed, seeds_of
from pipelines.dalle.toy2d import TOY2D
from pipelines.data.batches import Batch
from pipelines.data.contract import DataSet
from pipelines.family import Family, Stage
from pipelines.nets import codes, dvae
from pipelines.nets.conditioning import training_pair
from pipelines.nets.config import begun, built
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, NetKey, Sampler
from pipelines.request import Request
from pipelines.tokens.codemap import CodeMap, figures_of


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The transformer's objective on captions and codes."""
    assert isinstance(net, DALLE)
    x, tokens = training_pair(batch, rng)
    with torch.no_grad():
        z = net.codes(x)
    return objective.loss(net, tokens, z)


def reconstruction(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The autoencoder's objective, which comes before the transformer's."""
    assert isinstance(net, DALLE)
    x = batch.x0.contiguous(memory_format=torch.channels_last)
    return (dvae.annealed if isinstance(net.autoencoder, dvae.DiscreteVAE) else codes.reconstruction)(net.autoencoder, x, rng)


def scoring(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The scorer's objective. It sees pictures as they come out of the codes, which is what it will have to judge."""
    assert isinstance(net, DALLE)
    with torch.no_grad():
        x = net.decode(net.codes(batch.x0))
    return scorer.loss(net.scorer, x, batch.tokens)


def start(request: Request, weights: str, net: nn.Module, device: torch.device, source: Tensor | None = None,
          previews: bool = True) -> Sampler:
    """The sampler of a request: the caption's tokens, the picture's, the decoder, the choice among candidates.

    source: a picture (3, H, W) in [-1, 1], some of whose codes stay.
    """
    assert isinstance(net, DALLE)
    options = request.options
    rows = request.count * options.candidates
    captions, null = (request.data.tokenizer().batch([text] * rows).to(device) for text in (request.prompt, request.negative_prompt))
    config = net.config.at(request.data)
    given = torch.full((rows, config.image), codes.UNKNOWN, device=device)
    if source is not None:
        (z,) = yield (Call(NetKey(weights, "codes", precise=True), source[None], None, {}),)
        given = torch.where(torch.tensor(options.kept, device=device), z.flatten(1), given)
    rule = partial(request.spec, options=options)
    shown = CodeMap(NetKey(weights, "decode"), config.side, config.codes.codes, previews, options.candidates)
    drawn = yield from completed(weights, net.words(captions), net.words(null), request.guidance_scale, given, shown,
                                 RowNoise(seeds_of(request.seeds, options.candidates), (1,), device), rule, options)
    return drawn if options.candidates == 1 else (yield from best(weights, drawn, captions, options.candidates))


def prompt(request: Request, net: Any) -> tuple[Tensor, tuple[str, ...]]:
    """What a picture's codes follow, tokens (1, L), and what they stand for; padding has no name."""
    tokenizer = request.data.tokenizer()
    ids = tokenizer.encode(request.prompt).ids
    names = tuple(str(tokenizer.bpe.id_to_token(k)) for k in ids if k != tokenizer.pad)
    return net.words(torch.tensor([ids])), names


def log_likelihood(request: Request, net: Any, x: Tensor) -> Tensor:
    """Exact log p(codes | caption) of pictures (B, 3, H, H) in [-1, 1], nats, (B,)."""
    tokens = request.data.tokenizer().batch([request.prompt] * len(x)).to(x.device)
    return objective.log_likelihood(net, tokens, net.codes(x))


def figures(net: nn.Module, data: DataSet) -> dict[str, float]:
    """PSNR of the autoencoder, how many codes it uses, bits that the transformer needs a code; of 256 test pictures."""
    assert isinstance(net, DALLE)
    return figures_of(net.autoencoder, data, net.config.at(data).size, lambda z, batch: objective.log_likelihood(net, batch.tokens, z))


FAMILY = Family(build=built(DALLE, DALLEConfig), fresh=begun(DALLE, DALLEConfig), loss=loss, start=start, toy2d=TOY2D,
                figures=figures, previews_cost=True,
                methods=("read", "decode", "codes", "score", "inspect"),
                stages={"autoencoder": Stage(reconstruction, "autoencoder."), "scorer": Stage(scoring, "scorer.")},
                memory=lambda net: {"read": net.config.transformer.memory}, prompt=prompt,
                log_likelihood=log_likelihood)
