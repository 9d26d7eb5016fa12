"""What is wrong with a picture that was read, beside what its caption claims."""
from __future__ import annotations

from pipelines.data.shapes.captions import Claim
from pipelines.data.shapes.scenes import OPPOSITE, Scene


def label_fault(scene: Scene | None, claim: Claim) -> str | None:
    """None if a thing of the claim's main shape and colour was read, whatever else is there."""
    if scene is None:
        return "unreadable"
    main = claim.things[0]
    return None if any((t.shape, t.color) == (main.shape, main.color) for t in scene.things) else "label"


def fault(scene: Scene | None, claim: Claim) -> str | None:
    """None if the claim holds for what was read, else the first thing that is wrong."""
    if scene is None:
        return "unreadable"
    if claim.holds_for(scene):
        return None
    if len(scene.things) != len(claim.things):
        return "count"
    if claim.background not in (None, scene.background):
        return "background"
    orders = [(scene.things, scene.relation)]
    if scene.relation is not None:
        orders.append((scene.things[::-1], OPPOSITE[scene.relation]))
    for attribute in ("color", "shape", "size"):
        if not any(all(getattr(c, attribute) in (None, getattr(t, attribute))
                       for c, t in zip(claim.things, things, strict=True)) for things, _ in orders):
            return attribute
    matching = [relation for things, relation in orders
                if all((c.shape, c.color) == (t.shape, t.color) and c.size in (None, t.size)
                       for c, t in zip(claim.things, things, strict=True))]
    return "relation" if matching else "binding"
