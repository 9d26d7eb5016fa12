"""What is said of a stored grid."""
from __future__ import annotations

import pytest

from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from app.grids.records import made_from

ASK = Ask("flow", "a red star", model="shapes-flow", sampler="euler", options={"steps": 9}, guidance_scale=3, seed=7)


@pytest.mark.parametrize(("asked", "said"), (
    (GridAsk(ASK, "seed=1-3(+1)"), "Flow · shapes-flow · “a red star” · Euler · guidance 3 · steps 9"),
    (GridAsk(ASK, "steps=2,4", "sampler=all", "prompt=a|b"), "Flow · shapes-flow · guidance 3 · seed 7"),
    (GridAsk(ASK, "nfe=4,8", "family=all"), "“a red star” · Flow: guidance 3 · seed 7 · Flow: steps 9"),
    (GridAsk(Ask("gone", "", sampler="odd"), "seed=1,2"), "gone · odd"),
))
def test_a_grid_says_what_it_was_made_with_besides_its_axes(asked: GridAsk, said: str) -> None:
    assert made_from(asked) == said
