"""What looking inside needs: a request that stands for a picture, the weights, the engine's door."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.drawing.artist import Artist
from app.drawing.ask import Ask, standing_for, with_seed
from app.drawing.runner import finished
from app.errors import BadInput, UserError

if TYPE_CHECKING:
    from app.device.model_cache import Loaded
    from pipelines.numerics.ode_inversion import OdeInversion
    from pipelines.request import Request


@dataclass(frozen=True)
class ModelProbe:
    """A model of this project, to look inside."""
    request: Request
    loaded: Loaded
    device: Any
    submit: Callable[[Any], Any]   # a sampler -> the engine's job

    @property
    def ode_inversion(self) -> OdeInversion:
        """The ODE of the request's family. Raises UserError if it has none."""
        made = self.loaded.drawing.ode_inversion
        if made is None:
            raise UserError(f"{self.loaded.entry.metadata['title']} has no ODE that leads from pictures to noise; use a model of the "
                            "SDE or the flow tab that this project trained.")
        return made(self.request.options)

    def result_of(self, sampler: Any) -> Any:
        """What a sampler comes to in the engine. Raises UserError if it fails."""
        return finished(self.submit(sampler))


def probe(artist: Artist, ask: Ask) -> ModelProbe:
    """For what a person asked. Raises BadInput for a pretrained model."""
    ask = artist.weights.resolved(with_seed(ask))
    if ask.adapter:
        raise BadInput(f"{ask.model} is a pretrained model, which can be drawn with but not looked into; choose one of this project's.")
    request = standing_for(ask)
    loaded, engine = artist.load(request.model), artist.machine.engine
    return ModelProbe(request, loaded, engine.device, lambda sampler: engine.submit(sampler, priority=1))
