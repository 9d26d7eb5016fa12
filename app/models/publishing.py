"""A run of one's own as a model on the Hub, with pictures that it draws for its card."""
from __future__ import annotations

from typing import Any, Protocol

from app.drawing.ask import Ask, make_request
from app.drawing.png import encode_png
from app.drawing.runner import drawn_of, finished
from app.errors import BadInput
from app.models.models import Models
from pipelines.request import Request
from weights.hub.publish import push

SAMPLES = ("a large red star", "a small blue ring on a gray background", "a yellow cross on black", "a big green circle")


class Drawing(Protocol):
    """What is needed of the service."""
    def submit(self, request: Request, priority: int) -> Any: ...


def publish(drawing: Drawing, models: Models, run: str, repo: str, private: bool = True) -> str:
    """Upload a finished run; the address of the commit. Raises WeightsError, UserError."""
    entry = models.find(run)
    if entry.source != "run":
        raise BadInput(f"{run} is no run of your own; name one that the command `train` finished.")
    samples = {prompt: _drawn(drawing, models, Ask(entry.metadata["family"], prompt, model=run, seed=seed, count=1))
               for seed, prompt in enumerate(SAMPLES)}
    return push(entry.path, repo, private=private, samples=samples)


def _drawn(drawing: Drawing, models: Models, ask: Ask) -> bytes:
    """The picture of a request, PNG."""
    request = make_request(models.resolved(ask))
    return encode_png(drawn_of(request, finished(drawing.submit(request, 0)), 0).pixels[0])
