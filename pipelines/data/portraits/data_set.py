"""A set of portraits as the rest of the program sees it: what all of them do alike."""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pipelines.data.contract import DataSet, FeatureSpace, Judge
from pipelines.data.portraits.portraits import SPLITS, Portraits

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer
    from pipelines.training.head_start import Reading


def made(name: str, portraits: Portraits, false_accepts: float, **own: Any) -> DataSet:
    """false_accepts: share of near misses that the judge takes for what they are not, what its `rates` find; own: the other fields."""
    def tokenizer() -> CaptionTokenizer:
        from pipelines.data.common import tokenizer
        return tokenizer()

    def head_start(width: int) -> Reading:
        from pipelines.data.portraits.head_start import reading
        return reading(portraits, tokenizer(), width)

    @cache
    def judge() -> Judge:
        from pipelines.data.portraits import judging
        return judging.judge(name, false_accepts)

    @cache
    def features() -> FeatureSpace:
        from pipelines.data.portraits.reader import feature_space
        return feature_space(name)

    return DataSet(name=name, channels=3, splits=dict.fromkeys(SPLITS), surprises=10**6, item=portraits.item,
                   evaluation=portraits.evaluation, picture=portraits.picture, words=lambda: portraits.grammar.words,
                   tokenizer=tokenizer, judge=judge, features=features, head_start=head_start, **own)
