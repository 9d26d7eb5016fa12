"""What of a request has an effect, in sentences: what a kind of model never uses, what other settings make idle, what is not read.

The page, the command line and every cell of a comparison say the same, before and after drawing.
"""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pipelines.data.contract import DataSet
from pipelines.data.text import normalise, unknown_words
from pipelines.family import FamilySpec
from pipelines.hub.about import ADAPTERS
from pipelines.options import options_of, quoted
from pipelines.request import Request

SIDES = ("width", "height")
TEXTS = {"prompt": "prompt", "negative_prompt": "negative prompt"}
OWN_TIMES = ("dpmpp_2s", "lcm", "tcd")
# Weights, emphasis, choices and references as other programs write them.
_SIGNS = re.compile(r"\([^()]*:\s*-?[\d.]+\s*\)|\(\([^()]+\)\)|\[[^\[\]]+\]|\{[^{}]+\}|<\w+:[^<>]+>|\b__\w+__\b")


def never(face: FamilySpec, adapter: str = "") -> dict[str, str]:
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


def idle(request: Request) -> dict[str, str]:
    """Settings of a request that could have any other value and the pictures would be the same: name -> why."""
    face, info, scale = request.face, ADAPTERS.get(request.adapter), request.guidance_scale
    found = {name: why for name, why in never(face, request.adapter).items() if name in ("prompt", "negative_prompt")}
    if not (info and info.guidance_distilled) and "prompt" not in found:
        if scale == 1:
            found.setdefault("negative_prompt", "guidance 1 never asks without the prompt")
        if scale == 0 and (info is None or info.negative):        # else it is told how long the prompt is even so
            instead = "the negative prompt, which is what is drawn" if request.negative_prompt and "negative_prompt" not in found else \
                "no caption"
            found["prompt"] = f"guidance 0 asks only with {instead}"
    return found | {name: why for name, why in _idle_options(request.sampler, request.options)
                    if name == "seed" or hasattr(request.options, name)}


def _idle_options(sampler: str, o: Any) -> Iterator[tuple[str, str]]:
    """The same of the sampler's own options and the seed, as far as they alone say it."""
    def value(name: str, otherwise: Any = None) -> Any:
        return getattr(o, name, otherwise)

    ode = sampler.startswith("ode_")
    if hasattr(o, "rtol"):
        yield "rho", "the solver chooses its steps itself"
    if sampler in OWN_TIMES:
        yield "spacing", "this sampler chooses its times itself"
    if value("karras"):
        yield "spacing", "Karras spacing replaces it"
    if ode:
        yield "denoise", "an ODE adds no noise that could be left out"
    if ode and value("start_seed", -1) >= 0:
        yield "seed", "an ODE draws one picture from the start seed"
    if value("corrector_steps") == 0:
        yield "snr", "there are no corrector steps"
    if sampler == "greedy":
        yield from dict.fromkeys(("seed", "candidates"), "Greedy draws one picture whatever the seed").items()
    if value("top_k") == 1:
        yield from dict.fromkeys(("seed", "temperature"), "the likeliest token alone may be drawn").items()
    if value("interpolation") == 0 and value("mix") == "nothing":
        yield "second", "nothing is taken from the second seed"
    if value("interpolation") == 1:
        yield from {"seed": "all is taken from the second seed", "mix": "all is taken from the second seed"}.items()


def notes_of(request: Request) -> list[str]:
    """All that is to be said of a request before a network is there: what has no effect, what of its words means nothing."""
    found = [] if request.adapter else [reading] if (reading := request.face.reads(request.prompt, request.data)) else []
    idles = idle(request)
    found += [_sentence(request, name, why) for name, why in idles.items() if _was_asked(request, name)]
    for name, place in TEXTS.items():
        text = getattr(request, name)
        if text and name not in idles:
            found += _signs(text, place) + ([] if request.adapter or request.face.label_only else _unknown(text, place, request.data))
    return found + _short(request)


def _was_asked(request: Request, name: str) -> bool:
    """Whether a setting has a value that somebody must have chosen; a seed always has one, which is missed where pictures are several."""
    if name == "seed":
        return request.count > 1
    info, given = ADAPTERS.get(request.adapter), getattr(request, name, None)
    defaults = {o.name: o.default for o in (*request.own_options, *options_of(Request))} | (dict(info.defaults) if info else {})
    return bool(given) if name in TEXTS else getattr(request.options, name, given) != defaults[name]


def _sentence(request: Request, name: str, why: str) -> str:
    labels = {o.name: o.label for o in (*request.own_options, *options_of(Request))}
    return f"{f'The {TEXTS[name]}' if name in TEXTS else labels[name]} has no effect here: {why}."


def _signs(text: str, place: str) -> list[str]:
    found = _SIGNS.search(text)
    return [f"{quoted(found.group())} of the {place} is read as plain words: weights, choices and references as other programs write "
            "them mean nothing here."] if found else []


def _unknown(text: str, place: str, data: DataSet) -> list[str]:
    """What a model of ours leaves out of a text, or has never seen; one that knows classes only says itself what it reads."""
    if not normalise(text):
        return [f"Nothing of the {place} can be read, since the model knows letters and digits only; it counts as empty."]
    lost = dict.fromkeys(c for c in text if ord(c) > 127 and unicodedata.category(c)[0] == "S" and not normalise(c))
    found = [f"{''.join(lost)} of the {place} is left out, since the model knows letters and digits only."] if lost else []
    if unknown := unknown_words(text, data.words()):
        words = ", ".join(f"“{word}”" for word in unknown[:5])
        of = "" if place == "prompt" else f" of the {place}"
        found.append(f"The model has never seen the word{'s' * (len(unknown) > 1)} {words}{of}; it guesses from the letters.")
    return found


def _short(request: Request) -> list[str]:
    """Where so little of a picture is to be drawn anew that it is less than a step, or so few steps that none can be left out."""
    o = request.options
    if not getattr(o, "source", ""):
        return []
    if hasattr(o, "strength") and 0 < o.steps * o.strength < 1:
        kept = f"one is taken, as with strength {1 / o.steps:g}" if o.steps > 1 else \
            "one is taken from pure noise, so that next to nothing of the picture stays"
        return [f"Strength {o.strength:g} of {o.steps} step{'s' * (o.steps != 1)} is less than one step; {kept}."]
    # Solvers of pretrained flows go from one noise level of the schedule to the next, ours from any time.
    if request.adapter and request.face.predicts_velocity and o.t_start and o.steps * o.t_start < 1:
        return [f"Start time {o.t_start:g} lies before the end of the first of {o.steps} step{'s' * (o.steps != 1)}; the picture to start "
                "from has no effect, use more steps or a later time."]
    return []


def notes_with(request: Request, net: Any) -> list[str]:
    """What only the network of a request can say: texts that are longer than it reads, settings that it was made without."""
    idles = idle(request)
    found = []
    if request.adapter:
        found = [_sentence(request, name, why) for name, why in net.idle(request).items() if _was_asked(request, name)]
    for name, place in TEXTS.items():
        text = getattr(request, name)
        if text and name not in idles:
            found += _cut(request, text, name, place, net)
    return found


def _cut(request: Request, text: str, name: str, place: str, net: Any) -> list[str]:
    """Needs the tokenizer, and so torch."""
    if not request.adapter:
        cut = () if request.face.label_only else request.data.tokenizer().encode(text).cut
        return [f"The {place} is longer than the model reads; its last {_tokens(len(cut))} left out."] if cut else []
    readers = net.readers(name == "negative_prompt")
    if readers and not any(reader.knows(text) for reader in readers):
        return [f"Nothing of the {place} is known to the model's tokenizer; it counts as unknown words."]
    beyond = {reader.title: reader.beyond(text) for reader in readers}
    whole = [title for title, count in beyond.items() if not count]
    if whole and len(whole) < len(beyond):
        return [f"The {place} is longer than {title} reads; its last {_tokens(count)} left out there, while {' and '.join(whole)} "
                "reads all." for title, count in beyond.items() if count]
    longest = max(beyond.values(), default=0)
    return [f"The {place} is longer than the model reads; its last {_tokens(longest)} left out."] if longest else []


def _tokens(count: int) -> str:
    return f"{count} tokens were" if count != 1 else "token was"
