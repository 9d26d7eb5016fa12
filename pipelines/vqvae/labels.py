"""What the prior reads of a prompt: the class that it names."""
from __future__ import annotations

from pipelines.data.contract import DataSet
from pipelines.data.text import normalise
from pipelines.options import OptionError


def label_of(prompt: str, data: DataSet) -> int:
    """The class of a data set that a prompt names. Raises OptionError with a sentence."""
    found = data.labels.of(prompt)
    if found is None:
        such = " or ".join(f"“{name}”" for name in data.labels.examples)
        raise OptionError(f"The VQ-VAE's prior knows classes, {data.labels.about}; name one in the prompt, such as {such}.")
    return found


def named(prompt: str, data: DataSet) -> str | None:
    """What the model reads of a prompt, if that is not all of it. Raises OptionError."""
    label = label_of(prompt, data)
    if data.labels.factors:                                        # it reads all that a caption can say
        return None
    thing = data.labels.name(label)
    rest = set(normalise(prompt).split()) - {"a", "an", *thing.split()}
    return f"The model knows classes only; it reads “{thing}” and leaves the rest to chance." if rest else None
