"""What is asked about captions of portraits: of the whole and of each word."""
from __future__ import annotations

import torch

from pipelines.data.faces.data_set import DATA_SET as PORTRAITS_SET
from pipelines.data.faces.data_set import PORTRAITS
from pipelines.data.portraits.head_start import reading, rows
from pipelines.nets.text import TextConfig, TextEncoder

CLAIMS = PORTRAITS.claims


def numbers(caption: str) -> tuple[list[int], list[int]]:
    return rows(PORTRAITS, PORTRAITS_SET.tokenizer(), caption)


def test_each_word_claims_what_its_phrase_does() -> None:
    caption = "a winking face with short red hair, a goatee and a green sweater on pink"
    claims, words = numbers(caption)
    named = {attribute: values for (attribute, sets), k in zip(CLAIMS.known.items(), claims, strict=True)
             for values, number in sets.items() if number == k}
    assert named == {"background": {"pink"}, "eyes": {"winking"}, "length": {"short"}, "hair colour": {"red"}, "beard": {"goatee"},
                     "clothes": {"sweater"}, "clothes colour": {"green"}}
    pieces = PORTRAITS_SET.tokenizer().encode(caption).pieces
    said = [piece for piece, word in zip(pieces, words[1:], strict=False) if word]
    assert said == ["winking", "short", "red", "goatee", "green", "sweater", "pink"]
    assert len({word for word in words if word}) == 7                                  # no two claim the same
    other = numbers(caption.replace("red hair", "green hair").replace("green sweater", "red sweater"))[1]
    changed = {piece for piece, one, two in zip(pieces, words[1:], other[1:], strict=False) if one != two}
    assert changed == {"red", "green"}


def test_words_that_leave_a_choice_are_told_from_those_that_do_not() -> None:
    one, two, three = (numbers(f"a face with {words} hair")[0] for words in ("long", "wavy", "long wavy"))
    assert one != two == three


def test_the_reading_teaches_an_encoder() -> None:
    torch.manual_seed(0)
    net, asked = TextEncoder(TextConfig.of(PORTRAITS_SET, width=16, layers=1, heads=2)), reading(PORTRAITS, PORTRAITS_SET.tokenizer(), 16)
    tokens, said = asked.batch(0, 16)
    optimizer = torch.optim.Adam([*net.parameters(), *asked.heads.parameters()], lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = asked.loss(net(tokens), said)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
