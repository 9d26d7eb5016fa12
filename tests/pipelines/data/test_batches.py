"""Items in batches, of several data sets in turn."""
from __future__ import annotations

from itertools import islice

import torch

from pipelines.data.batches import Items, feed
from pipelines.data.shapes.data_set import DATA_SET


class Counted(Items):
    """Pictures that say which set and which item they are."""

    def __init__(self, name: int, side: int) -> None:
        super().__init__(DATA_SET, "train", 0, side, 0.5)
        self.name = name

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return torch.full((3, self.size, self.size), float(index)), torch.full((2,), self.name), torch.tensor(index)


def test_sets_come_in_turn_each_with_its_own_items() -> None:
    parts = [Counted(0, 2), Counted(1, 4), Counted(2, 2)]
    found = list(islice(feed(parts, 4), 9))
    assert [int(batch.tokens[0, 0]) for batch in found] == [0, 1, 2] * 3
    assert [batch.x0.shape[-1] for batch in found] == [2, 4, 2] * 3
    for part in range(3):
        labels = torch.cat([batch.label for batch in found[part::3]]).tolist()
        assert labels == list(range(labels[0], labels[0] + 12)) and labels[0] < 4


def test_a_feed_that_goes_on_gives_what_one_without_a_break_gives() -> None:
    parts = [Counted(0, 2), Counted(1, 4)]
    whole, later = list(islice(feed(parts, 4), 7)), list(islice(feed(parts, 4, start=12), 4))
    for one, other in zip(whole[3:], later, strict=True):
        assert torch.equal(one.tokens, other.tokens) and torch.equal(one.label, other.label)
