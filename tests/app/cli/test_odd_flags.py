"""Whatever stands behind a flag: a request that can be stored, or a sentence and exit code 2."""
from __future__ import annotations

import argparse
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

import app
from app.cli.commands import _ask, main, parser
from app.drawing.ask import make_request
from app.drawing.weights import Weights
from app.errors import BadInput
from app.grids.ask import AXES
from app.models.models import Models
from app.web.server import listen
from pipelines import registry
from pipelines.options import OptionError, options_of
from pipelines.request import Request
from pipelines.training.loop import TrainOptions

ODD = ("", "-1", "0", "1e999", "nan", "1e-400", "0x10", "9" * 5000, "1.5", "1,2", "٣", "true", "[]", "18446744073709551616", "\x1b[31m")


@pytest.mark.slow
@pytest.mark.parametrize("family", registry.NAMES)
def test_every_option_of_every_sampler_with_odd_values(family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, parse, refused = Models(Weights(tmp_path / "runs", tmp_path / "models")), parser().parse_args, 0
    for k, spec in enumerate(registry.face(family).every.values()):
        for option in (*(options_of(Request) if not k else ()), *options_of(spec.options)):          # the request's are no sampler's
            for value in ODD:
                flag = f"--{option.name.replace('_', '-')}={value}"
                given = parse(["sample", family, "--prompt", "a star", flag, "--sampler", spec.name])
                try:
                    request = make_request(models.weights.resolved(_ask(given, 4)))
                    json.dumps(request.settings, allow_nan=False)
                    assert request.nfe > 0 and request.title and len(request.seeds) == request.count
                except (BadInput, OptionError) as error:
                    refused += 1
                    assert len(str(error)) < 400 and "\n" not in str(error) and "\x1b" not in str(error)
    assert refused and capsys.readouterr().err == ""


def test_flags_of_older_versions_are_taken_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    given = [parser().parse_args(["sample", "gan", "--prompt", "a star", flag, "0.25"]) for flag in ("--walk", "--interpolation")]
    assert vars(given[0]) == vars(given[1])
    with pytest.raises(SystemExit):
        parser().parse_args(["sample", "--help"])
    assert "--interpolation" in (shown := capsys.readouterr().out) and "--walk" not in shown


@pytest.mark.parametrize("arguments", [
    ("serve", "--port", "abc"), ("serve", "--port", "0"), ("serve", "--port", "99999"), ("serve", "--port", "-1"),
    ("serve", "--host", "nobody.invalid", "--password", "x"), ("serve", "--host", "a..b", "--password", "x"),
    ("gallery", "--after", "zzz"), ("gallery", "--after", "5"),
    ("serve", "--host", "", "--password", "x"), ("gallery", "--limit", "0"), ("gallery", "--limit", "-1"), ("gallery", "--limit", "1e3"),
    ("models", "search", "x", "--max-gb", "nan"), ("models", "search", "x", "--min-likes=-3"),
    ("models", "add", "x", "--base", "y", "--scale", "nan"),
    ("evaluate", "gan", "--count", "1e999"), ("evaluate", "gan", "--count", "0"), ("compare", "gan", "--prompt", "a", "--x", "seed=1e999"),
    ("train", "gan", "--minutes", "nan"), ("train", "gan", "--steps", "-1"), ("train", "gan", "--seed", "-1"), ("examine", "x", "y.png")])
def test_odd_values_of_other_commands(arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([*arguments, "--data", str(tmp_path)])
    except SystemExit as end:                                    # argparse
        code = int(end.code or 0)
    out, error = capsys.readouterr()
    assert code == 2 and out == "" and "Traceback" not in error and error.strip()


VALUES = {"--sort": ("likes",), "--family": ("gan",), "--look": (), "--public": (), "--accept": (), "--limit": ("20",), "NAME": ("x",)}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["models", "gallery"])
def test_a_flag_of_another_action_is_refused_also_with_its_default(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.commands._service", lambda args: pytest.fail("nothing is opened before the flags are judged"))
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    sub = commands.choices[command]
    actions = {*next(action.choices or () for action in sub._actions if action.dest == "action")}
    tried = 0
    for flag, of, default in sub.get_default("flags").known.values():
        for action in actions - {*of}:
            value = VALUES.get(flag, (str(default or "1"),))
            given = ("x", flag, *value) if action != "list" and command == "models" and flag != "NAME" else \
                value if flag == "NAME" else (flag, *value)
            code = main([command, action, *given, "--data", str(tmp_path)])
            out, error = capsys.readouterr()
            assert code == 2 and out == "" and error.count("\n") == 1 and f"{command} {action}" in error and flag in error
            tried += 1
    assert tried >= 6
    left_out = parser().parse_args([command])
    left_out.flags.settle(left_out, "list")
    assert all(hasattr(left_out, name) for name in left_out.flags.known)


@pytest.mark.parametrize("arguments", [
    ("gallery", "--empty-bin", "--text", "red"), ("again", "f" * 32, "--prompt", "x"), ("compare", "--retry"),
    ("compare", "--resume", "f" * 32, "--seed", "0"), ("compare", "--resume", "f" * 32, "--width", "0"),
    ("compare", "gan", "--prompt", "a star", "--x", "seed=1", "--excel"),
    ("compare", "diffusion", "--prompt", "a red star", "--x", "steps=1", "--temperature", "0.5"),
    ("compare", "diffusion", "--prompt", "a red star", "--y", "sampler=heun,ddim", "--sampler", "heun"),
    ("compare", "diffusion", "--prompt", "a red star", "--x", "steps=1,2", "--y", "sampler=heun", "--eta", "0.5"),
    ("compare", "diffusion", "--prompt", "a red star", "--x", "steps=1,2", "--steps", "x"),
    ("compare", "diffusion", "--prompt", "a red star", "--x", "nfe=10", "--y", "sampler=ddim", "--steps", "5"),
    ("compare", "diffusion", "--prompt", "a red star", "--y", "family=flow,gan", "--eta", "0.5"),
    ("compare", "gan", "--prompt", "a red star", "--x", "seed=1,2", "--seed", "7"),
    ("compare", "gan", "--prompt", "a red star", "--x", "prompt=a red star|a cross"),
    ("compare", "diffusion", "--prompt", "a star", "--x", "negative-prompt=|a ring", "--negative-prompt", "a cross"),
    ("evaluate", "--table", "--split", "holdout"),
    ("train", "--list", "--minutes", "5"), ("bench", "engine", "--list")])
def test_a_flag_that_would_do_nothing_is_refused(arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([*arguments, "--data", str(tmp_path)])
    out, error = capsys.readouterr()
    assert code == 2 and out == "" and error.count("\n") == 1 and error.endswith(".\n")


def test_every_flag_is_read() -> None:
    """By its name among the arguments, or with all that begin alike; those of training also as options of it, of tests by launch.py."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(app.__file__).parent.rglob("*.py"))
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    flags = {(name, action.dest) for name, command in commands.choices.items() for action in command._actions
             if name != "test" and action.dest != "help"}
    training = {field.name for field in fields(TrainOptions)}
    unread = {(name, flag) for name, flag in flags if not flag.startswith(("option_", "network_"))
              and not re.search(rf"args\.{flag}\b|getattr\(args, \"{flag}\"", text) and not (name == "train" and flag in training)}
    assert unread == {("compare", axis) for axis in AXES}                  # which are read as getattr(args, axis)


def test_an_address_that_is_not_here_is_asked_for_once() -> None:
    with pytest.raises(BadInput, match="no address"):
        listen("nobody.invalid", 7860)
