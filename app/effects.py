"""What of a request has an effect: what a kind of model never uses, and what a request's other settings make idle."""
from __future__ import annotations

from pipelines.hub.about import ADAPTERS
from pipelines.registry import Face

SIDES = ("width", "height")


def never(face: Face, adapter: str = "") -> dict[str, str]:
    """Settings that do nothing with a family's own models, or with those of an adapter, whatever else is asked: name -> why.

    A size stands there too where a model draws one size only.
    """
    info = ADAPTERS.get(adapter)
    title, guided, reads = (info.title, info.guided, info.reads) if info else (face.title, face.guided, "caption")
    found = dict.fromkeys(info.fixed, f"it has one value with {title}") if info else {}
    if not (info and info.sized):
        found |= dict.fromkeys(("size", *SIDES), f"{title} draws pictures of one size" if info else "the model draws pictures of one size")
    if not guided:
        found["guidance_scale"] = f"{title} has no guidance"
    if reads == "nothing":
        found |= dict.fromkeys(("prompt", "replace", "negative_prompt"), "this model draws without a caption")
    elif not guided:
        found["negative_prompt"] = f"{title} has no guidance"
    elif info and not info.negative or not info and face.label_only:
        found["negative_prompt"] = f"{title} has no place for one"
    return found
