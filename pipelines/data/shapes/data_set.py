"""The data set as the rest of the program sees it."""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pipelines.data.contract import DataSet, FeatureSpace, Item, Judge
from pipelines.data.shapes import captions, scenes
from pipelines.data.shapes.labels import LABELS
from pipelines.data.shapes.vocabulary import known_words

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer
    from pipelines.training.head_start import Reading

GROUPS = {"one": "one object", "two": "two objects"}
JUDGED = 11                        # seed of the captions that models are judged by


def _item(split: str, seed: int, index: int, count: int | None = None) -> Item:
    """Item `index` of a split, with `count` objects (None: one or two)."""
    scene, caption, _ = captions.item(split, seed, index, count)
    main = scene.things[0]
    attributes = {"shape": main.shape, "color": main.color, "size": main.size, "background": scene.background}
    more = {"relation": scene.relation} if scene.relation else {}
    return Item(caption, scene.label, attributes | more, "two" if more else "one", scene)


def item(split: str, seed: int, index: int, pairs: float | None) -> Item:
    """See `DataSet.item`."""
    return _item(split, seed, index, None if pairs is None else 1 + int(np.random.default_rng([seed, index]).random() < pairs))


def evaluation(split: str, count: int) -> list[Item]:
    """Half of them with one object, which come first, half with two."""
    two = count // 2
    return [_item(split, JUDGED, k, objects) for objects, share in ((1, count - two), (2, two)) for k in range(share)]


def picture(item: Item, size: int) -> np.ndarray:
    """See `DataSet.picture`; any size."""
    return scenes.render(item.content, size)


def _tokenizer() -> CaptionTokenizer:
    from pipelines.data.shapes.tokenizer import tokenizer
    return tokenizer()


@cache
def judge() -> Judge:
    from pipelines.data.shapes import faults, near_misses
    from pipelines.data.shapes.judge import RULES, read

    def rates() -> tuple[float, float]:
        found = near_misses.rates()
        return found.false_accepts, found.true_accepts

    return Judge(RULES, 32, captions.parse, lambda image, claim: faults.fault(read(image), claim),
                 lambda image, claim: faults.label_fault(read(image), claim), near_misses.FALSE_ACCEPTS,
                 "other shapes, halves, other colours", rates)


@cache
def features() -> FeatureSpace:
    from pipelines.data.shapes.features import features, load_features
    from pipelines.data.shapes.rendered import rendered
    net = load_features()
    return FeatureSpace(32, "our own, not Inception", lambda images: features(net, images),
                        lambda split, seed, count: rendered(net, split, seed, count))


def head_start(width: int) -> Reading:
    from pipelines.data.shapes.head_start import reading
    return reading(width)


DATA_SET = DataSet(
    name="shapes", source="procedural, no licence attached", size=32, channels=3, splits=dict.fromkeys(scenes.SPLITS),
    prompts=("a large red star above a small blue ring", "a yellow cross on black", "a big green circle left of a pink square"),
    prompt="a red star", surprises=10**6, item=item, evaluation=evaluation, picture=picture, words=known_words, tokenizer=_tokenizer,
    labels=LABELS, groups=GROUPS, latent_size=64, judge=judge, features=features, head_start=head_start)
