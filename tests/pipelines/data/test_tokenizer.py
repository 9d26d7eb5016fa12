"""A tokenizer that is extended by words keeps every id that it had."""
from __future__ import annotations

from pipelines.data import dataset
from pipelines.data.common import ROOM, WORDS, tokenizer
from pipelines.data.tokenizer import CaptionTokenizer, extended

SHAPES = dataset("shapes")


def test_a_word_is_one_token_after_all_that_there_were() -> None:
    old = SHAPES.tokenizer()
    new = CaptionTokenizer(extended(old.bpe, ("red", "beard", "hair", "beard")), old.length)
    assert new.vocabulary == old.vocabulary + 2                           # "red" was one already
    encoded = new.encode("A red beard, and hair!")
    assert encoded.ids[3:6] == (180, old.encode("and").ids[1], 181)
    assert encoded.pieces == ("a", "red", "beard", "and", "hair") == tuple("a red beard and hair"[i:j] for i, j in encoded.spans)
    assert new.decode(list(encoded.ids)) == "a red beard and hair"
    assert new.encode("beards").pieces == old.encode("beards").pieces     # words, not parts of them
    assert old.encode("beard").pieces != ("beard",)                       # the one it came from is as it was


def test_captions_of_shapes_are_read_as_before() -> None:
    old, new = SHAPES.tokenizer(), tokenizer()
    captions = [SHAPES.item("train", 0, k, None).caption for k in range(200)]
    assert [new.encode(caption) for caption in captions] == [old.encode(caption) for caption in captions]


def test_the_ids_of_the_common_words_stay_and_leave_room() -> None:
    new = tokenizer()
    assert new.vocabulary == ROOM > new.bpe.get_vocab_size()
    assert [new.bpe.token_to_id(word) for word in ("face", "person", "boot", "smiling")] == [180, 181, 227, 228]
    assert len({*WORDS}) == len(WORDS)
