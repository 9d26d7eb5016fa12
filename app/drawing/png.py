"""Pictures for the page: data URLs of small images, and a compare grid drawn as one PNG."""
from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def data_url(pixels: np.ndarray) -> str:
    """(H, W, 3) uint8 as a PNG data URL."""
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode("ascii")


def encode_png(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def data_urls(pictures: np.ndarray) -> tuple[str, ...]:
    """(B, H, W, 3) uint8, one URL each."""
    return tuple(data_url(picture) for picture in pictures)
