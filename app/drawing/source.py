"""The picture that a request starts from."""
from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from app.drawing.ask import Ask, standing_for, with_seed
from app.drawing.picture_files import prepare
from app.drawing.png import encode_png
from app.errors import BadInput, UserError
from pipelines import registry
from storage import FileStore, StorageError

if TYPE_CHECKING:
    from app.drawing.artist import Artist
    from app.drawing.picture_files import Picture
    from pipelines.request import Request


def keep(artist: Artist, ask: Ask, picture: Picture | None) -> str:
    """Store a picture as the model that is asked for sees it, to start from; returns the checksum that the option `source` names."""
    request = standing_for(artist.weights.resolved(with_seed(ask)))
    size = artist.load(request.model).side(request)
    if not hasattr(request.options, "source"):
        *others, last = (face.title for face in registry.faces() if face.starts_from_pictures)
        raise UserError(f"{request.face.title} cannot start from a picture; use the tab of {', '.join(others)} or {last}.")
    pixels = prepare(picture, size)
    name = hashlib.sha256(pixels.tobytes()).hexdigest()
    artist.storage.sources.put(name, encode_png(pixels))
    return name


def source_of(request: Request, sources: FileStore, size: tuple[int, int], device: Any) -> dict[str, Any]:
    """What starting takes besides the rest: the picture (3, H, W) that a request starts from, if there is one; size: W, H."""
    from pipelines.data.batches import to_tensor
    name = getattr(request.options, "source", "")
    if not name:
        return {}
    try:
        return {"source": to_tensor(prepare(io.BytesIO(sources.get(name)), *size)).to(device)}
    except (StorageError, BadInput) as error:
        raise UserError(f"The picture that this request starts from is not here ({name[:12]}…); choose it anew in the Picture "
                        "panel.") from error
