"""Bits per dimension of drawn pictures under the model that drew them, where its family defines a likelihood."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from app.own_picture import PROBES, Bench, result_of, tolerances
from app.requests import face_of
from app.views import Ask
from pipelines import registry


def bits_per_dim(bench_of: Callable[[Ask], Bench], settings: dict[str, Any], pixels: np.ndarray) -> dict[str, Any]:
    """{"bits": of each picture (B, H, W, 3) uint8, "of": "pixels" or "codes"}, or {"undefined": a sentence}."""
    face, family = face_of(settings["family"]), registry.family(settings["family"])
    if settings.get("adapter"):
        return {"undefined": "The likelihood of pictures under pretrained models is not measured here."}
    if not face.two_way and family.log_likelihood is None:
        return {"undefined": f"{face.title} defines no likelihood: it draws pictures and gives none of them a probability."}
    import torch

    from pipelines.data.dataset import to_tensor
    from pipelines.numerics import likelihood as numerics
    from pipelines.transport import likelihood
    names = ("family", "prompt", "negative_prompt", "model", "guidance_scale", "seed")
    bench = bench_of(Ask(**{name: settings[name] for name in names}, count=1))
    x0 = torch.stack([to_tensor(picture) for picture in pixels]).to(bench.device)
    if family.log_likelihood is not None:
        with torch.inference_mode():
            log_p = family.log_likelihood(bench.request, bench.loaded.net, x0)
        return {"bits": (-log_p / (math.log(2) * x0[0].numel())).tolist(), "of": "codes"}
    request = replace(bench.request, count=len(x0))
    way = likelihood(bench.transport, request, bench.loaded.sha256, numerics.dequantised(x0, 0), PROBES, tolerances())
    found = result_of(bench, way)
    note = next(filter(None, found.notes), None)
    return {"bits": numerics.bits_per_dim(found.x[:, 0], x0[0].numel()).tolist(), "of": "pixels", "note": note}
