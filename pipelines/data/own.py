"""A data set of the user's own pictures: read once from a folder, kept small, and found again by its name.

Each is a folder with `set.json`, `tokenizer.json` and `pictures.npy`, (N, H, H, 1 or 3) uint8, and is never changed. A model that learnt
from it needs the first two to draw; who wants to free space may delete the pictures.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.data import KEPT
from pipelines.data.contract import DataSet, DataSetError, Item, Labels
from pipelines.data.finite import at_side, class_in, number_of
from pipelines.data.text import normalise
from pipelines.files import MISREAD, replacing, write_whole

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer

VOCABULARY = 1000                  # tokens of captions at most,
LENGTH = 64                        # and how many of them a model reads
CLASSES = 64                       # captions are classes where there are no more, each of two pictures on average
TEST = 16                          # one of so many pictures is for the test split
PROMPTS = 8                        # captions to begin with


@dataclass(frozen=True)
class Kept:
    """What is in the folder of a set."""
    folder: Path
    said: dict[str, Any]

    def item(self, split: str, seed: int, index: int, pairs: float | None = None) -> Item:
        """See `DataSet.item`."""
        places = self.said["splits"][split]
        return self._item(places[number_of(len(places), seed, index)])

    def evaluation(self, split: str, count: int) -> list[Item]:
        """See `DataSet.evaluation`: the pictures of the split in turn."""
        places = self.said["splits"][split]
        return [self._item(places[k % len(places)]) for k in range(count)]

    def picture(self, item: Item, side: int) -> np.ndarray:
        """See `DataSet.picture`. Raises DataSetError."""
        found = np.array(self._pictures[item.content])
        return np.repeat(at_side(found[..., 0], side)[..., None], 3, 2) if found.shape[2] == 1 else at_side(found, side)

    def words(self) -> frozenset[str]:
        return frozenset(word for caption in self.said["captions"] for word in normalise(caption).split())

    def tokenizer(self) -> CaptionTokenizer:
        return self._tokenizer

    @property
    def labels(self) -> Labels:
        """Its classes; a prompt that is empty names that of pictures without a caption, if there is one."""
        names: list[str] = self.said["classes"]
        if len(names) == 1:
            return Labels(1, "one for all pictures", (names[0],), lambda prompt: 0, lambda k: names[k])
        spoken = {name: k for k, name in enumerate(names) if name}
        find, silent = class_in(spoken), names.index("") if "" in names else None
        return Labels(len(names), "a caption or a folder of the set", tuple(list(spoken)[:2]),
                      lambda prompt: find(prompt) if prompt.strip() else silent, lambda k: names[k])

    def data_set(self) -> DataSet:
        said = self.said
        return DataSet(
            name=said["name"], source=f"pictures of somebody's own, “{said['about']}”; their licence is up to who has the rights to them",
            size=said["size"], channels=said["channels"], splits={name: len(places) for name, places in said["splits"].items()},
            prompts=tuple(said["prompts"]), prompt=said["prompts"][0], surprises=len(said["splits"]["test"]), item=self.item,
            evaluation=self.evaluation, picture=self.picture, words=self.words, tokenizer=self.tokenizer, labels=self.labels)

    def _item(self, place: int) -> Item:
        caption, label = self.said["items"][place]
        return Item(self.said["captions"][caption], label, {"class": self.said["classes"][label]}, content=place)

    @cached_property
    def _pictures(self) -> np.ndarray:
        path, side = self.folder / "pictures.npy", self.said["size"]
        try:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except (*MISREAD, EOFError) as error:
            raise DataSetError(f"The pictures of {self.said['name']} cannot be read ({error}); put {path} back as it was, or make the "
                               "set anew under another name.") from error
        if found.shape != (len(self.said["items"]), side, side, self.said["channels"]) or found.dtype != np.uint8:
            raise DataSetError(f"{path} holds other pictures than those of {self.said['name']}; put it back as it was, or make the "
                               "set anew under another name.")
        return found

    @cached_property
    def _tokenizer(self) -> CaptionTokenizer:
        from tokenizers import Tokenizer

        from pipelines.data.tokenizer import CaptionTokenizer
        path = self.folder / "tokenizer.json"
        try:
            return CaptionTokenizer(Tokenizer.from_str(path.read_text(encoding="utf-8")), self.said["length"])
        except Exception as error:                                 # that library has no other
            raise DataSetError(f"The tokens of {self.said['name']} cannot be read ({error}); put {path} back as it was, or make the "
                               "set anew under another name.") from error


@lru_cache(maxsize=32)
def opened(path: Path, changed: int) -> DataSet:
    """The set that a `set.json` describes; changed: when it did last. Raises DataSetError."""
    return Kept(path.parent, said_in(path)).data_set()


def said_in(path: Path) -> dict[str, Any]:
    """What a `set.json` says: name, size, channels, captions, classes, items as (caption, class), splits, prompts, length of captions in
    tokens; about and from, what it was read from; digest of all pictures and captions. Raises DataSetError."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        sound = (said["name"] == path.parent.name and 8 <= said["size"] <= 2048 and said["channels"] in (1, 3) and said["prompts"]
                 and all(said["splits"][split] for split in ("train", "test")) and 4 <= said["length"] <= LENGTH
                 and all(isinstance(text, str) for name in ("captions", "classes", "prompts") for text in said[name])
                 and all(0 <= caption < len(said["captions"]) and 0 <= label < len(said["classes"]) for caption, label in said["items"])
                 and all(0 <= place < len(said["items"]) for places in said["splits"].values() for place in places)
                 and isinstance(said["about"], str) and isinstance(said["from"], str) and isinstance(said["digest"], str))
    except MISREAD as error:
        raise DataSetError(f"What the data set {path.parent.name} is cannot be read ({type(error).__name__}: {str(error)[:80]}); put "
                           f"{path} back as it was, or delete its folder.") from error
    if not sound:
        raise DataSetError(f"{path} does not describe a data set of that name; put it back as it was, or delete its folder.")
    return said


def write(folder: Path, name: str, pictures: np.ndarray, captions: Sequence[str], digests: Sequence[str], folders: bool,
          said: dict[str, Any]) -> None:
    """Write a set into a folder that is there and empty: pictures (N, H, H, 1 or 3) uint8 with their captions, "" for none, and digests,
    which say what split each is of. folders: captions are the classes, however many; said: about, from and digest. Raises OSError."""
    from pipelines.data.tokenizer import CaptionTokenizer, train_bpe
    distinct = list(dict.fromkeys(captions))
    spoken = [caption for caption, _ in Counter(filter(None, captions)).most_common()]
    keys = [normalise(caption) for caption in captions]
    classes = list(dict.fromkeys(keys))
    if not spoken or not (folders or len(classes) <= min(CLASSES, len(keys) // 2)):
        keys, classes = ["any picture"] * len(keys), ["any picture"]
    bpe = train_bpe(map(normalise, spoken), VOCABULARY)
    longest = max((len(encoding.ids) for encoding in bpe.encode_batch([normalise(caption) for caption in spoken])), default=0)
    tokenizer = CaptionTokenizer(bpe, max(4, min(LENGTH, longest + 2)))
    places = {caption: k for k, caption in enumerate(distinct)}
    rows = {key: k for k, key in enumerate(classes)}
    with replacing(folder / "pictures.npy") as draft, draft.open("wb") as file:
        np.save(file, pictures, allow_pickle=False)
    write_whole(folder / "tokenizer.json", tokenizer.bpe.to_str())
    write_whole(folder / KEPT, json.dumps(said | {
        "name": name, "size": pictures.shape[1], "channels": pictures.shape[3], "captions": distinct, "classes": classes,
        "items": [(places[caption], rows[key]) for caption, key in zip(captions, keys, strict=True)], "splits": _splits(digests),
        "prompts": spoken[:PROMPTS] or [""], "length": tokenizer.length}))


def _splits(digests: Sequence[str]) -> dict[str, list[int]]:
    """Which pictures are for what: one of TEST is for tests, as its digest in hexadecimal says, and one of the others where that leaves a
    split without any; a single picture is for both."""
    test = [k for k, digest in enumerate(digests) if int(digest, 16) % TEST == 0]
    if len(test) in (0, len(digests)):
        test = [min(range(len(digests)), key=lambda k: (digests[k], k))]
    train = [k for k in range(len(digests)) if k not in {*test}]
    return {"train": train or test, "test": test}
