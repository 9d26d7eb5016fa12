"""Pictures for the page: data URLs of small images, and a compare grid drawn as one PNG."""
from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont


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


def draw_grid(rows: Sequence[str], columns: Sequence[str], cells: dict[tuple[int, int], list[Image.Image]],
              captions: dict[tuple[int, int], str], title: str, scale: int = 3) -> Image.Image:
    """A labelled grid: cells[(row, column)] are drawn side by side, enlarged by a whole factor, caption beneath."""
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    sizes = [image.size for images in cells.values() for image in images] or [(32, 32)]
    per_cell = max((len(images) for images in cells.values()), default=1)
    width, height = max(w for w, _ in sizes) * scale, max(h for _, h in sizes) * scale
    caption_width = max((probe.textlength(text, small) for text in captions.values()), default=0)
    cell_w = int(max(per_cell * (width + 2), caption_width)) + 12
    cell_h = height + 26
    left = int(max((probe.textlength(text, font) for text in rows), default=0)) + 24
    top = 64
    sheet = Image.new("RGB", (left + cell_w * len(columns) + 12, top + cell_h * len(rows) + 12), "#ffffff")
    draw = ImageDraw.Draw(sheet)
    draw.text((12, 10), title, "#334155", font)
    for c, text in enumerate(columns):
        draw.text((left + c * cell_w, 38), text, "#0f172a", font)
    for r, text in enumerate(rows):
        draw.text((12, top + r * cell_h + height // 2 - 8), text, "#0f172a", font)
        for c in range(len(columns)):
            x, y = left + c * cell_w, top + r * cell_h
            for k, image in enumerate(cells.get((r, c), [])):
                big = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
                sheet.paste(big, (x + k * (width + 2), y))
            draw.text((x, y + height + 4), captions.get((r, c), ""), "#64748b", small)
    return sheet
