"""What lies between two seeds of a generator, and what they make together."""
from __future__ import annotations

from collections.abc import Callable

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.drawing.png import data_urls
from app.errors import UserError
from app.inspect.probe import probe
from app.inspect.views import Film
from pipelines import registry
from pipelines.request import face_of

FRAMES, SIDE = 33, 5               # pictures of an interpolation; seeds a side of a style mixing


class Seeds:
    """What the page's seed panel asks. Raises `app.errors.sentences`."""

    def __init__(self, artist: Artist) -> None:
        self._artist = artist

    def interpolation(self, ask: Ask) -> Film:
        """Pictures from the request's seed to its second seed."""
        return self._film(ask, registry.family(face_of(ask.family).name).interpolation, FRAMES)

    def style_mixing(self, ask: Ask) -> Film:
        """Rows with the layout of one seed each, columns with the style of another, SIDE of both."""
        return self._film(ask, registry.family(face_of(ask.family).name).style_mixing, SIDE)

    def _film(self, ask: Ask, make: Callable | None, count: int) -> Film:
        from pipelines.data.batches import to_pixels
        if make is None:
            raise UserError(f"{face_of(ask.family).title} has no generator between whose seeds there is anything; use the GAN tab.")
        own = probe(self._artist, ask)
        found = own.result_of(make(own.request, own.loaded.sha256, own.loaded.net, own.device, count))
        return Film(data_urls(to_pixels(found.x)), found.captions)
