"""The command `train` in this process, with networks that are there at once."""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from app.cli import main
from app.training import recipes, trainer
from pipelines.training import loop as training
from tests.tiny import untrained

Run = Callable[..., tuple[int, dict, str]]


class Clock:
    """Stands in for the module `time`: time passes by being asked for, so that a budget buys as many steps on every machine."""
    strftime = staticmethod(time.strftime)

    def __init__(self) -> None:
        self.now, self.tick = 0.0, 0.05

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    @classmethod
    def of_trainings(cls, monkeypatch: pytest.MonkeyPatch) -> Clock:
        """The clock of all that trains, until the test ends."""
        made = cls()
        for module in (recipes, trainer, training):
            monkeypatch.setattr(module, "time", made)
        return made


def no_json(text: str) -> None:
    """Python would read it, other readers do not."""
    raise AssertionError(f"{text} is no JSON")


def runner(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *families: str) -> Run:
    """Calls `train` with some arguments and a data folder: (exit code, what it printed, what it said). families: begin with small networks
    whose captions' encoder is not prepared first."""
    for family in families:
        module = import_module(f"pipelines.{family}.family")
        monkeypatch.setattr(module, "FAMILY", replace(module.FAMILY, fresh=lambda options, data, family=family: untrained(family)))
    monkeypatch.setattr("pipelines.training.head_start.head_start", lambda *asked: iter(()))

    def call(*arguments: str) -> tuple[int, dict, str]:
        try:
            code = main(["train", *arguments, "--data", str(folder), "--json"])
        except SystemExit as stop:                       # argparse
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, json.loads(captured.out, parse_constant=no_json) if captured.out else {}, captured.err
    return call
