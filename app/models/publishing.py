"""A run of one's own as a model on the Hub, with pictures that it draws for its card."""
from __future__ import annotations

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.drawing.png import encode_png
from app.errors import BadInput
from weights.hub.publish import push


def publish(artist: Artist, run: str, repo: str, private: bool = True) -> str:
    """Upload a finished run; the address of the commit. Raises WeightsError, UserError."""
    entry = artist.weights.find(run)
    if entry.source != "run":
        raise BadInput(f"{run} is no run of your own; name one that the command `train` finished.")
    samples = {prompt: _drawn(artist, Ask(entry.metadata["family"], prompt, model=run, seed=seed, count=1))
               for seed, prompt in enumerate(artist.weights.data(Ask(entry.metadata["family"], "", model=run)).prompts)}
    return push(entry.path, repo, private=private, samples=samples)


def _drawn(artist: Artist, ask: Ask) -> bytes:
    """The picture of a request, PNG."""
    return encode_png(artist.drawn(artist.weights.request(ask)).pixels[0])
