"""The one record: what it writes it reads again, and it reads what older versions wrote."""
from __future__ import annotations

import json

from pipelines.request import OLD_NAMES, Request, plain

GAN = {"family": "gan", "model": "m", "sampler": "generator", "prompt": "a red star", "negative_prompt": "", "seed": 5}


def test_what_is_written_is_read_again() -> None:
    request = Request.from_dict(GAN | {"options": {"interpolation": 0.25, "second": 9}})
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request


def test_older_names_mean_the_same() -> None:
    old = {"model_name" if name == "model" else name: value for name, value in GAN.items()} | {
        "guidance": 1.0, "options": {"truncation": 2.0, "walk": 0.25, "mix": "style", "second": 9}}
    request = Request.from_dict(old)
    assert (request.model, request.guidance_scale, request.options.interpolation) == ("m", 1.0, 0.25)
    assert not OLD_NAMES.keys() & {*plain(old), *plain(old)["options"]}
