"""Bits per dimension of drawn pictures under the model that drew them, where its family defines a likelihood."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.inspect.picture import DRAWS, likelihoods
from app.inspect.probe import probe
from app.uncertain import with_error
from pipelines import registry
from pipelines.request import face_of


def bits_per_dim(artist: Artist, settings: dict[str, Any], pixels: np.ndarray) -> dict[str, Any]:
    """{"bits": of each picture (B, H, W, 3) uint8, "errors": their standard errors, "of": "pixels" or "codes", "text": all of it for
    people, "note": a sentence or None}, or {"undefined": a sentence}."""
    face, family = face_of(settings["family"]), registry.family(settings["family"])
    if settings.get("adapter"):
        return {"undefined": "The likelihood of pictures under pretrained models is not measured here."}
    if not face.invertible and family.log_likelihood is None:
        return {"undefined": f"{face.title} defines no likelihood: it draws pictures and gives none of them a probability."}
    import torch

    from pipelines.data.batches import to_tensor
    names = ("family", "prompt", "negative_prompt", "model", "guidance_scale", "seed")
    own = probe(artist, Ask(**{name: settings[name] for name in names}, count=1))
    x0 = torch.stack([to_tensor(picture) for picture in pixels]).to(own.device)
    if family.log_likelihood is not None:
        with torch.inference_mode():
            log_p = family.log_likelihood(own.request, own.loaded.net, x0)
        bits = (-log_p / (math.log(2) * x0[0].numel())).tolist()
        return _told(bits, [0.0] * len(bits), "codes", "exact", None)
    found = likelihoods(own, x0)
    return _told([one.bits for one in found], [one.bits_se for one in found], "pixels", f"± standard error of {DRAWS} draws",
                 next(filter(None, (one.note for one in found)), None))


def _told(bits: list[float], errors: list[float], of: str, how: str, note: str | None) -> dict[str, Any]:
    numbers = ", ".join(with_error(value, error) for value, error in zip(bits, errors, strict=True))
    text = f"{numbers} bits per dimension, of the {of}, {how}{f' ({note})' if note else ''}"
    return {"bits": bits, "errors": errors, "of": of, "text": text, "note": note}
