"""Pictures that come in: judged by their header before anything is decoded, decoded one at a time, and no larger than needed."""
from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from app.errors import BadInput

Picture = Image.Image | Path | str | BinaryIO      # in memory, a file's path, or what is in a file
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF")
MAX_PIXELS = 20_000_000            # that are decoded; four bytes each
JPEG_PIXELS = 4 * MAX_PIXELS       # of a JPEG, which can be decoded at a half, a quarter or an eighth of its size
STRIP = 2**18                      # pixels whose colours are worked out together
DECODING = threading.Lock()        # held by whoever decodes a picture, so that many who come at once need no more memory than one


@dataclass(frozen=True)
class Square:
    """The middle of a picture that was read, and what it was read from."""
    pixels: np.ndarray               # (H, H, 3) uint8
    width: int                       # of all of it, as it is stored
    height: int
    digest: str                      # of all its pixels; the same for files of one format that hold the same


def square(picture: Path | BinaryIO, size: int) -> Square:
    """The middle of the picture in a file, size pixels a side; of several frames the first. Raises BadInput as `prepare` does, and for a
    picture that has nothing but a line."""
    digest = hashlib.blake2b(digest_size=16)
    with DECODING, _said(picture), Image.open(picture, formats=FORMATS) as found:
        width, height = found.size
        if min(width, height) < 2:
            raise BadInput(f"The picture has {width:,} by {height:,} pixels; at least 2 by 2 are needed.")
        pixels = _fitted(found, size, size, digest)
    digest.update(f"{width} {height}".encode())
    return Square(pixels, width, height, digest.hexdigest())


def prepare(picture: Picture | None, size: int, height: int | None = None) -> np.ndarray:
    """The middle of a picture, or of that in a file, (height, size, 3) uint8; a square without height.

    Raises BadInput for what is none, has more than MAX_PIXELS (JPEG_PIXELS), or cannot be read.
    """
    if picture is None:
        raise BadInput("There is no picture yet; drop one here or take one from the gallery.")
    with DECODING, _said(picture):
        if isinstance(picture, Image.Image):
            return _fitted(picture, size, height or size)
        if isinstance(picture, (Path, str)) and not Path(picture).is_file():
            raise BadInput(f"There is no file {picture}; give a PNG, JPEG, WebP, GIF or TIFF.")
        with Image.open(picture, formats=FORMATS) as found:
            return _fitted(found, size, height or size)


@contextmanager
def _said(picture: Picture) -> Iterator[None]:
    """One sentence for everything that a file can make its decoder raise, which is any exception there is."""
    name = Path(picture).name if isinstance(picture, (Path, str)) else "That file"
    try:
        yield
    except BadInput:
        raise
    except Image.DecompressionBombError:
        raise BadInput(f"{name} has far too many pixels; {_most()}.") from None
    except Exception as error:
        reason = "unknown kind" if isinstance(error, Image.UnidentifiedImageError) else str(error) or type(error).__name__
        raise BadInput(f"{name} could not be read as a picture ({reason}); choose a PNG, JPEG, WebP, GIF or TIFF.") from error


def _most() -> str:
    return f"at most {MAX_PIXELS:,} in all are accepted, and {JPEG_PIXELS:,} in a JPEG that is not progressive; make it smaller first"


def _fitted(picture: Image.Image, width: int, height: int, digest: Any = None) -> np.ndarray:
    """The middle of a picture whose header alone was read until now; digest: is told all that is decoded."""
    side, pixels = max(width, height), picture.width * picture.height
    given = f"The picture has {picture.width:,} by {picture.height:,} pixels"
    if pixels <= JPEG_PIXELS and not picture.info.get("progressive"):          # its decoder would keep all of it in memory
        picture.draft(None, (2 * side, 2 * side))                               # no smaller than that; does nothing but for a JPEG
    if picture.width * picture.height > MAX_PIXELS:
        raise BadInput(f"{given}; {_most()}.")
    turned = 1
    with suppress(Exception):                                                   # a camera's notes may be damaged where the picture is not
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1)
    small = _reduced(picture, max(1, min(picture.size) // (2 * side)), digest)
    if digest is not None:
        digest.update(str(turned).encode())
    small.getexif()[ExifTags.Base.Orientation] = turned
    return np.array(ImageOps.fit(ImageOps.exif_transpose(small), (width, height), Image.Resampling.LANCZOS))


def _reduced(picture: Image.Image, factor: int, digest: Any = None) -> Image.Image:
    """A picture in RGB, its sides divided by a factor; strip by strip, so that no other copy of it is made."""
    picture.load()
    brightest = float(np.nan_to_num(picture.getextrema()[1])) if picture.mode == "F" else 0.0          # type: ignore[arg-type]
    top = 65535.0 if picture.mode.startswith("I") else max(1.0, brightest)
    small = Image.new("RGB", (-(-picture.width // factor), -(-picture.height // factor)))
    rows = factor * max(1, STRIP // (picture.width * factor))
    for y in range(0, picture.height, rows):
        strip = _colours(picture.crop((0, y, picture.width, min(y + rows, picture.height))), top)
        if digest is not None:
            digest.update(strip.tobytes())
        small.paste(strip.reduce(factor), (0, y // factor))
    return small


def _colours(picture: Image.Image, top: float) -> Image.Image:
    """A picture of any mode in RGB: deep gray scaled from 0..top, transparency on white."""
    if picture.mode.startswith(("I", "F")):                                # 16 bits and more, which `convert` would cut off
        values = np.nan_to_num(np.asarray(picture, dtype=float)).clip(0, top)
        return Image.fromarray((255 * values / top).round().astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")
