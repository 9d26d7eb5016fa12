"""The data set as the rest of the program sees it."""
from __future__ import annotations

from pathlib import Path

from pipelines.data.contract import DataSet
from pipelines.data.photos.files import Source
from pipelines.data.photos.photos import SIDE, Photos, tokenizer

PHOTOS = Photos(
    Source("fashion", Path("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist of Debian", {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}),
    {"train": 60_000, "test": 10_000},
    (("a t shirt", "a top"), ("trousers",), ("a pullover",), ("a dress",), ("a coat",), ("a sandal",), ("a shirt",), ("a sneaker",),
     ("a bag",), ("an ankle boot", "a boot")))
DATA_SET = DataSet(
    name="fashion", source="Fashion-MNIST by Zalando Research, MIT licence (arXiv:1708.07747)", size=SIDE, channels=1,
    splits=PHOTOS.counts, prompts=("a sneaker", "a dress", "an ankle boot"), prompt="a sneaker", surprises=10, item=PHOTOS.item,
    evaluation=PHOTOS.evaluation, picture=PHOTOS.picture, words=lambda: PHOTOS.words, tokenizer=tokenizer,
    labels=PHOTOS.labels("a garment"))
