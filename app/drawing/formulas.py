"""The formula of a step as MathML, with a place for each number that the step knows."""
from __future__ import annotations

import re
from functools import lru_cache

_INDEX = r"_\{[^{}]*\}|_\\?\w+"              # letters in an index are names, not values


@lru_cache(256)
def template(latex: str, names: tuple[str, ...]) -> str:
    """The formula as MathML in which `names`, symbols in LaTeX, are replaced by their places in that order: [0], [1], ...

    Symbols that do not occur have no place. Empty without a formula.
    """
    if not latex:
        return ""
    from latex2mathml.converter import convert
    places = {name: k for k, name in enumerate(names)}
    # A bare letter may also be part of a command's name.
    alone = [("" if name[0] == "\\" else r"(?<![A-Za-z\\])") + re.escape(name) for name in sorted(places, key=len, reverse=True)]
    symbols = "|".join(alone) or r"(?!)"

    def value(found: re.Match[str]) -> str:
        return rf"{{\,\text{{[{places[found['name']]}]}}\,}}" if found["name"] else found.group()

    filled = re.sub(rf"(?P<name>{symbols})(?![A-Za-z_'(])|{_INDEX}", value, latex)
    return "".join(convert(line, display="block") for line in filled.split(r"\\"))
