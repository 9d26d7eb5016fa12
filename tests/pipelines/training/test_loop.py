"""The training loop, with a small network and instant data: what is no number stops it, and whatever ends it leaves a whole checkpoint."""
from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines import files, registry
from pipelines.data.batches import Batch, Items
from pipelines.gan import objective
from pipelines.training.counters import counters
from pipelines.training.loop import BEST, CHECKPOINT, TrainingError, TrainOptions, averaged, train
from tests.tiny import SHAPES, untrained

pytestmark = pytest.mark.slow

Loss = Callable[[nn.Module, Batch, torch.Generator], Tensor]


@pytest.fixture(scope="module")
def forked() -> Any:
    """What makes processes that begin with this module imported."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "torch._dynamo"])           # which the first step of an optimizer would import
    return processes


class Dots(Items):
    """Pictures of one colour, for which nothing has to be rendered."""

    def __init__(self) -> None:
        super().__init__(SHAPES, "train", 0, 2, 0.0)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return torch.full((3, 2, 2), index % 7 / 7), torch.zeros(2, dtype=torch.int64), torch.tensor(0)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 1))


def fit(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    return (net(batch.x0) - torch.randn(len(batch.x0), 1, generator=rng)).square().mean()


def step_of(rng: torch.Generator) -> int:
    """The steps that were done before."""
    return rng.initial_seed() % 1_000_003


def steps(run: Path, stop: int, loss: Loss = fit, **options: Any) -> Iterator[Any]:
    chosen = TrainOptions(steps=stop, batch=4, workers=0, lr_schedule="constant", warmup=1, **options)
    return train(small(), loss, chosen, run, torch.device("cpu"), [Dots()], fp32=True)


def trained(run: Path, stop: int, loss: Loss = fit, **options: Any) -> dict[str, Tensor]:
    """What a checkpoint holds after so many steps."""
    for _ in steps(run, stop, loss, **options):
        pass
    return load_file(run / CHECKPOINT)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def whole(run: Path) -> dict[str, Any]:
    """The counters of a run whose files are whole, and none a draft."""
    assert {path.name for path in run.iterdir()} <= {CHECKPOINT, BEST, "options.json"}
    assert all(z.isfinite().all() for z in load_file(run / CHECKPOINT).values()) and json.loads((run / "options.json").read_text())
    return averaged(run)[1]


def spoilt(at: int, how: str) -> Loss:
    def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
        value, nothing = fit(net, batch, rng), sum(p.sum() for p in net.parameters())
        wrong = {"loss nan": value * torch.nan, "loss inf": value + torch.inf, "gradient nan": value + (0 * nothing).sqrt(),     # type: ignore
                 "gradient inf": value + (nothing - nothing.detach()).sqrt()}                                                    # type: ignore
        return wrong[how] if step_of(rng) == at else value
    return loss


@pytest.mark.parametrize("how", ["loss nan", "loss inf", "gradient nan", "gradient inf"])
def test_the_first_that_is_no_number_stops_a_run(tmp_path: Path, how: str) -> None:
    with pytest.raises(TrainingError, match=rf"stopped at step 8 because the {how.split()[0]} is .*checkpoint of step 6 is kept") as said:
        trained(tmp_path / "a", 20, spoilt(7, how), keep=3)
    assert str(said.value).isprintable() and BEST in str(said.value) and "smaller --lr" in str(said.value)
    state = whole(tmp_path / "a")
    assert state["step"] == 6 and state["best"]["step"] in (3, 6)
    best = load_file(tmp_path / "a" / BEST)
    assert all(z.isfinite().all() for z in best.values())
    assert same(trained(tmp_path / "a", 12), trained(tmp_path / "b", 12))              # it goes on as if nothing had been


def test_a_run_that_goes_wrong_at_once_has_a_beginning_to_go_back_to(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="stopped at step 1 .*checkpoint of step 0 is kept"):
        trained(tmp_path / "a", 5, spoilt(0, "loss nan"))
    assert whole(tmp_path / "a")["step"] == 0 and same(trained(tmp_path / "a", 3), trained(tmp_path / "b", 3))


def test_the_best_checkpoint_stays(tmp_path: Path) -> None:
    def worse(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
        return fit(net, batch, rng) * (1 if step_of(rng) < 4 else 1e6)
    trained(tmp_path, 10, worse, keep=2)
    state = whole(tmp_path)
    assert state["step"] == 10 and state["best"]["step"] <= 4 and state["best"]["loss"] < state["loss"]
    assert not same(load_file(tmp_path / BEST), load_file(tmp_path / CHECKPOINT))


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_each_loss_of_a_game_counts(tmp_path: Path, network: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = objective.GAMES["non-saturating"]

    def wrong(logits: Tensor) -> Tensor:
        return logits.mean() * torch.nan if where == "loss" else (0 * logits.sum()).sqrt()
    rules = objective.Game(lambda real, fake: wrong(real), game.generator) if network == "discriminator" else \
        objective.Game(game.discriminator, wrong)
    monkeypatch.setitem(objective.GAMES, "non-saturating", rules)
    gan, options = registry.family("gan"), TrainOptions(steps=2, batch=2, workers=0)
    with pytest.raises(TrainingError, match=f"stopped at step 1 because the {where} is"):
        next(train(untrained("gan"), gan.loss, options, tmp_path, torch.device("cpu"),
                   [Items(SHAPES, "train", 0, 32, 0.5)], betas=gan.betas, fp32=True))


class Full:
    """A disk with room for so many bytes of the files that are written after it is set up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, number: int = errno.ENOSPC) -> None:
        self.tries, write = 0, Path.write_bytes

        def write_bytes(path: Path, content: bytes) -> int:
            self.tries += path.name.startswith(CHECKPOINT)
            if len(content) > room:
                write(path, content[:room])
                raise OSError(number, os.strerror(number))
            return write(path, content)
        monkeypatch.setattr(Path, "write_bytes", write_bytes)


@pytest.mark.parametrize(("number", "why"), [(errno.ENOSPC, "the disk is full; the one of step 4 is kept; free space"),
                                             (errno.EDQUOT, "your share of the disk is full"), (errno.EIO, "Input/output error"),
                                             (errno.EROFS, "it is read-only"), (errno.EACCES, "it is not writable")])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, number: int, why: str,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    trained(tmp_path, 4)
    before = (tmp_path / CHECKPOINT).read_bytes()
    disk = Full(monkeypatch, 3000, number)
    with pytest.raises(TrainingError, match=f"could not be written because {why}"):
        trained(tmp_path, 20, keep=2)
    assert disk.tries == 1 and (tmp_path / CHECKPOINT).read_bytes() == before and whole(tmp_path)["step"] == 4
    monkeypatch.undo()
    assert trained(tmp_path, 8) and whole(tmp_path)["step"] == 8


def train_with_small_files(run: Path, told: Connection) -> None:
    """In a process of its own, which may write no file longer than this."""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        trained(run, 20)
    except TrainingError as error:
        told.send(str(error))


@pytest.mark.skipif(os.name == "nt", reason="a limit of the system for the size of files")
def test_a_real_limit_is_a_sentence(tmp_path: Path, forked: Any) -> None:
    trained(tmp_path, 4)
    before = (tmp_path / CHECKPOINT).read_bytes()
    pipe, end = forked.Pipe(duplex=False)
    child = forked.Process(target=train_with_small_files, args=(tmp_path, end))
    child.start()
    end.close()
    assert "files may not become so large here; the one of step 4 is kept" in pipe.recv()
    child.join()
    assert (tmp_path / CHECKPOINT).read_bytes() == before and whole(tmp_path)["step"] == 4


@pytest.mark.parametrize("where", ["loss", "backward", "optimizer", "optimizer half-way", "write", "fsync", "replace"])
@pytest.mark.parametrize("at", [1, 3])
def test_ctrl_c_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path, where: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the run goes on from it as the uninterrupted one; a save that was interrupted costs the steps since the one before."""
    owner, name = {"loss": (torch.Tensor, "square"), "backward": (torch.Tensor, "backward"), "optimizer": (torch.optim.AdamW, "step"),
                   "optimizer half-way": (torch, "_foreach_lerp_"), "write": (Path, "write_bytes"), "fsync": (os, "fsync"),
                   "replace": (os, "replace")}[where]
    trained(tmp_path / "a", 2)
    function, calls = getattr(owner, name), [0]

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise KeyboardInterrupt
        return function(*arguments, **named)
    monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "a", 10, keep=2)
    monkeypatch.undo()
    assert whole(tmp_path / "a")["step"] in range(2, 9)
    assert same(trained(tmp_path / "a", 10), trained(tmp_path / "b", 10))


def damage(run: Path, how: str) -> None:
    path, tensors = run / CHECKPOINT, load_file(run / CHECKPOINT)
    state = averaged(run)[1]
    if how in ("folder", "pipe", "loop"):
        path.unlink()
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}[how]()
    elif how in ("half", "nothing", "zeros"):
        path.write_bytes({"half": path.read_bytes()[:5000], "nothing": b"", "zeros": bytes(5000)}[how])
    else:
        texts = {"no state": {}, "state broken": {"state": "{"}, "state list": {"state": "[1]"}, "state deep": {"state": "[" * 60_000},
                 "step text": {"state": json.dumps({**state, "step": "4"})}, "step negative": {"state": json.dumps({**state, "step": -1})},
                 "seconds nan": {"state": json.dumps({**state, "seconds": float("nan")})},
                 "best list": {"state": json.dumps({**state, "best": [1]})}}.get(how, {"state": json.dumps(state)})
        if how == "tensor missing":
            del tensors["net/1.weight"]
        if how == "tensor of another shape":
            tensors["net/1.weight"] = torch.zeros(5, 5)
        if how.endswith(("nan", "inf")) and "/" in how:
            tensors[how.split()[0]].view(-1)[-1] = float(how.split()[1])
        save_file(tensors, path, metadata=texts)


DAMAGES = ["half", "nothing", "zeros", "folder", "loop", "no state", "state broken", "state list", "state deep", "step text",
           "step negative", "seconds nan", "best list", "tensor missing", "tensor of another shape", "net/1.weight nan", "ema/1.weight inf",
           "exp_avg/1.weight nan"]


@pytest.mark.parametrize("how", [*DAMAGES, *(["pipe"] if hasattr(os, "mkfifo") else [])])
def test_a_damaged_checkpoint_is_a_sentence_and_stays(tmp_path: Path, how: str) -> None:
    trained(tmp_path, 4)
    damage(tmp_path, how)
    before = (tmp_path / CHECKPOINT).lstat()
    with pytest.raises(TrainingError, match=f"no checkpoint of this network .*put {BEST} in its place") as said:
        trained(tmp_path, 6)
    now = (tmp_path / CHECKPOINT).lstat()
    assert str(said.value).isprintable() and (now.st_ino, now.st_size, now.st_mtime) == (before.st_ino, before.st_size, before.st_mtime)
    if how != "folder":
        os.replace(tmp_path / BEST, tmp_path / CHECKPOINT)
        assert trained(tmp_path, 6) and whole(tmp_path)["step"] == 6


def test_checkpoints_of_before_are_gone_on_with(tmp_path: Path) -> None:
    trained(tmp_path, 4)
    state = {name: value for name, value in averaged(tmp_path)[1].items() if name != "best"}
    save_file(load_file(tmp_path / CHECKPOINT), tmp_path / CHECKPOINT, metadata={"state": json.dumps(state)})
    (tmp_path / BEST).unlink()
    assert trained(tmp_path, 6) and whole(tmp_path)["best"]
    assert counters('{"step": 0, "images": 0, "seconds": 0.0, "loss": null}')["best"] is None


def train_forever(run: Path, saved: Connection) -> None:
    """In a process of its own: every step is saved and then reported, until it is killed."""
    torch.set_num_threads(1)
    for last in steps(run, 10**6, keep=1):
        saved.send(last.step)


def killed(forked: Any, tmp_path: Path, kills: int) -> None:
    rng, run, reported = random.Random(0), tmp_path / "run", 0
    for _ in range(kills):
        pipe, end = forked.Pipe(duplex=False)
        child = forked.Process(target=train_forever, args=(run, end))
        child.start()
        end.close()
        pipe.recv()
        time.sleep(rng.uniform(0, 0.05))                                   # the moment of the kill has to be anywhere in a save
        child.kill()
        child.join()
        try:
            while True:
                reported = pipe.recv()
        except EOFError:
            pass
        state = averaged(run)[1]
        assert state["step"] >= reported and all(z.isfinite().all() for z in load_file(run / CHECKPOINT).values())
        assert load_file(run / BEST)
    trained(run, averaged(run)[1]["step"] + 1)
    assert whole(run)


def test_a_few_kills_lose_no_step_that_was_reported(tmp_path: Path, forked: Any) -> None:
    killed(forked, tmp_path, 10)


@pytest.mark.long
def test_many_kills_lose_no_step_that_was_reported(tmp_path: Path, forked: Any) -> None:
    killed(forked, tmp_path, 500)


def test_files_are_whole_or_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_whole(path, "ä")
    for wrong in (KeyboardInterrupt, OSError(errno.ENOSPC, "full"), ValueError):
        with pytest.raises(BaseException) as said, files.replacing(path) as draft:              # noqa: B017
            draft.write_text("half")
            raise wrong
        assert path.read_bytes() == "ä".encode() and list(tmp_path.iterdir()) == [path]
        assert not isinstance(said.value, OSError) or said.value.filename == str(path)
