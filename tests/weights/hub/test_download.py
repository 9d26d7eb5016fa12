"""A download ends as exactly the files that were planned and checked, whoever stops it on the way."""
from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from tests.hub import HubServer
from tests.weights.hub.downloading import FILES, KEPT, LIMIT, ROOT, SIZE, Begin, ended, view, whole
from weights.check.preflight import inspected
from weights.check.verify import WeightsError
from weights.hub.download import installed


def test_a_download_holds_what_was_planned(hub: HubServer, begin: Begin) -> None:
    commit = hub.add("me/gan", FILES, licence="mit", gated="auto")
    downloads = begin()
    done = ended(downloads, downloads.start("me/gan"))
    assert (done.status, done.error, done.commit, done.bytes, done.done) == ("done", "", commit, done.bytes, done.bytes)
    assert {file.path: (file.size, file.done) for file in done.files} == {path: (len(FILES[path]),) * 2 for path in KEPT}
    (model,) = installed(downloads.root)
    assert (model.name, model.repo, model.commit, model.bytes) == (f"me/gan@{commit[:8]}", "me/gan", commit, done.bytes)
    assert model.folder == downloads.root / "me--gan" / commit and model.licence == "mit" and whole(downloads.root)
    origin = json.loads((model.folder / ".origin.json").read_text())
    assert (origin["repo"], origin["commit"], origin["licence"], origin["gated"]) == ("me/gan", commit, "mit", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", origin["at"])


CHILD = """
import sys, time
from pathlib import Path
from weights.hub.download import Downloads
from weights.hub.client import Hub
downloads = Downloads(Path(sys.argv[1]), Hub(sys.argv[2]))
downloads.start("me/gan")
time.sleep(60)
"""


@pytest.mark.slow
def test_kill_9_loses_no_byte(hub: HubServer, begin: Begin, tmp_path: Path) -> None:
    commit, root, kept = hub.add("me/gan", FILES), tmp_path / "models", 0
    hub.block = SIZE // 50
    for _ in range(3):
        hub.pace = 0.02
        hub.forget()
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(root), hub.endpoint], cwd=ROOT)
        there = root / "me--gan" / f"{commit}.part" / "files" / "model.safetensors"
        hub.until(lambda kept=kept, there=there: there.exists() and there.stat().st_size > kept + SIZE // 8)
        child.send_signal(signal.SIGKILL)
        child.wait()
        size = there.stat().st_size
        assert kept + SIZE // 8 < size < SIZE and installed(root) == []
        assert [seen.range for seen in hub.log if seen.phase == "big"] == [f"bytes={kept}-" if kept else None]
        kept, hub.pace = size, 0.0
    hub.forget()
    downloads = begin()                                            # another process, which finds what there is and asks nobody
    (found,) = downloads.views()
    assert (found.status, found.repo, found.commit) == ("paused", "me/gan", commit) and found.done >= kept and not hub.log
    downloads.go_on(found.id)
    assert ended(downloads, found.id).status == "done" and whole(root)
    assert hub.sent("big") == SIZE - kept and hub.asked()["info"] == hub.asked()["listing"] == 0


def test_afterwards_nothing_is_asked(hub: HubServer, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/gan", {**FILES, "model.safetensors": (ROOT / "weights/bundled/shapes-vqvae.safetensors").read_bytes()})
    downloads = begin()
    assert ended(downloads, downloads.start("me/gan")).status == "done"
    hub.forget()

    def connect(*_: Any) -> None:
        raise AssertionError("a connection was opened")
    monkeypatch.setattr(socket.socket, "connect", connect)
    again = begin()
    (model,) = installed(again.root)
    assert again.views() == [] and inspected(model.folder).family == "gan" and not hub.log


def test_pause_go_on_and_cancel(hub: HubServer, begin: Begin) -> None:
    hub.add("me/gan", FILES)
    hub.block, hub.pace = SIZE // 100, 0.02
    downloads = begin()
    id = downloads.start("me/gan")
    hub.until(lambda: view(downloads, id).done > SIZE // 10)
    running = view(downloads, id)
    assert running.status == "running" and running.speed > 0 and running.seconds_left and running.seconds_left > 0
    downloads.pause(id)
    assert view(downloads, id).status == "paused" and view(downloads, id).speed == 0
    thread = downloads._find(id).thread
    assert thread is not None
    thread.join(LIMIT)
    assert not thread.is_alive()                                   # nobody fetches any more
    still = view(downloads, id).done
    assert still < SIZE and downloads.start("me/gan") == id
    hub.until(lambda: view(downloads, id).done > still)
    downloads.cancel(id)
    assert view(downloads, id).status == "cancelled"
    hub.until(lambda: not list(downloads.root.iterdir()))
    downloads.go_on(id)
    assert view(downloads, id).status == "cancelled" and begin().views() == []
    hub.pace = 0
    assert (new := downloads.start("me/gan")) != id and ended(downloads, new).status == "done" and whole(downloads.root)


@pytest.mark.parametrize("phase", ["info", "small", "big"])
def test_nobody_waits_for_a_hub_that_hangs(hub: HubServer, begin: Begin, phase: str) -> None:
    hub.add("me/gan", FILES)
    hub.fault(phase, "hang", times=1)
    downloads = begin()
    id = downloads.start("me/gan")
    hub.until(lambda: hub.asked()[phase] == 1)
    began = time.monotonic()
    downloads.pause(id)
    downloads.go_on(id)
    downloads.cancel(id)
    new = downloads.start("me/gan")
    assert time.monotonic() - began < LIMIT / 2 and view(downloads, id).status == "cancelled"       # nobody waited for it
    hub.mend()
    end = ended(downloads, new)
    assert end.error == "" and whole(downloads.root)


def test_several_at_once_and_the_others_wait(hub: HubServer, begin: Begin) -> None:
    for name in ("one", "two", "three"):
        hub.add(f"me/{name}", FILES)
    hub.block, hub.pace = SIZE // 20, 0.02
    downloads = begin(at_once=2)
    ids = [downloads.start(f"me/{name}") for name in ("one", "two", "three")]
    hub.until(lambda: sum(view.done > SIZE // 10 for view in downloads.views()) == 2)
    assert [view(downloads, id).status for id in ids] == ["running", "running", "waiting"] and downloads.start("me/one") == ids[0]
    assert [ended(downloads, id).status for id in ids] == ["done"] * 3 and len(installed(downloads.root)) == 3


def test_the_same_commit_is_fetched_once(hub: HubServer, begin: Begin) -> None:
    commit = hub.add("me/gan", FILES)
    hub.block, hub.pace = SIZE // 20, 0.02
    downloads = begin()
    id = downloads.start("me/gan")
    hub.until(lambda: hub.sent("big") > 0)
    assert "already" in ended(downloads, downloads.start("me/gan", commit)).error
    other = begin()                                                # another process
    (found,) = other.views()
    other.go_on(found.id)
    assert ended(other, found.id).error in ("", "me/gan is being downloaded by another process; wait for that one.")
    assert ended(downloads, id).status == "done" and whole(downloads.root)
    hub.forget()
    assert ended(downloads, downloads.start("me/gan", commit)).status == "done" and hub.sent("big") == 0
    assert hub.asked()["big"] == 0


def test_the_disk_is_looked_at_first(hub: HubServer, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/gan", FILES)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 2**28 + SIZE))
    downloads = begin()
    id = downloads.start("me/gan")
    assert re.search(r"does not fit on the disk: 0\.27 GB .* 0\.27 GB are", ended(downloads, id).error)
    assert hub.asked()["big"] == hub.asked()["resolve"] == 0
    monkeypatch.undo()
    downloads.go_on(id)
    assert ended(downloads, id).status == "done"


def test_a_disk_that_becomes_full(hub: HubServer, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/gan", FILES)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("os.fsync", full)
    downloads = begin()
    id = downloads.start("me/gan")
    assert "disk is full" in ended(downloads, id).error
    monkeypatch.undo()
    downloads.go_on(id)
    assert ended(downloads, id).status == "done" and whole(downloads.root)


def test_remove_frees_the_disk(hub: HubServer, begin: Begin) -> None:
    first = hub.add("me/gan", FILES)
    second = hub.add("me/gan", {**FILES, "LICENSE": b"freer"})
    downloads = begin()
    for revision in (first, second):
        assert ended(downloads, downloads.start("me/gan", revision)).status == "done"
    with pytest.raises(WeightsError, match="several"):
        downloads.remove("me/gan")
    assert downloads.remove(f"me/gan@{first[:8]}") > sum(len(FILES[path]) for path in KEPT)
    assert [model.commit for model in installed(downloads.root)] == [second]
    assert downloads.remove("me/gan") > SIZE and not list(downloads.root.iterdir())
    with pytest.raises(WeightsError, match="none of the models"):
        downloads.remove("../../etc")


@pytest.mark.parametrize("name", ["../../evil.safetensors", "/etc/evil", "a\\..\\b", "unet/../../x"])
def test_nothing_is_written_elsewhere(hub: HubServer, begin: Begin, tmp_path: Path, name: str) -> None:
    hub.add("me/gan", {**FILES, name: b"evil"})
    downloads = begin()
    assert "could lead out" in ended(downloads, downloads.start("me/gan")).error
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_plan_that_was_tampered_with_is_not_followed(hub: HubServer, begin: Begin) -> None:
    commit = hub.add("me/gan", FILES)
    hub.fault("big", "500")
    downloads = begin()
    assert ended(downloads, downloads.start("me/gan")).status == "failed"
    plan = downloads.root / "me--gan" / f"{commit}.part" / "plan.json"
    good = json.loads(plan.read_text())
    for change in ({"files": {"../../../evil": [4, "0" * 40]}}, {"commit": ".."}, {"repo": "../.."}, {"files": 3}, {"files": {"x": 1}}):
        plan.write_text(json.dumps({**good, **change}))
        (view,) = begin().views()
        assert (view.status, view.files) == ("failed", ()) and "cancel this download and begin again" in view.error
    wrong = [json.dumps({**good, **change}).encode() for change in ({"id": []}, {"repo": "a\ud800"})]
    for damaged in (b"[" * 9999, b"\xff", b"null", *wrong):
        plan.write_bytes(damaged)
        assert [view.status for view in begin().views()] == ["failed"]
    plan.write_text(json.dumps(good))
    assert [view.status for view in begin().views()] == ["paused"]
    plan.unlink()
    os.mkfifo(plan)
    again = begin()
    again.cancel(again.views()[0].id)
    hub.until(lambda: not plan.parent.exists())                            # with all that had come


def test_unknown_downloads(begin: Begin) -> None:
    with pytest.raises(WeightsError, match="no download"):
        begin().pause("absent")
