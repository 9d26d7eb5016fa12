"""The way of a prompt from the page to the stored picture leads through each folder of app/ once."""
from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from fastapi.testclient import TestClient

import app
from app.drawing.artist import Artist
from tests.app.served import in_line, served
from tests.test_imports import folder_of

ROOT = Path(app.__file__).parents[1]
WAY = [("ui", "drawing"), ("drawing", "device")]      # the server calls the page, a thread of its own the artist


class Entries:
    """Which folder is entered from which, in order, by all threads together."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and (here := self._folder(frame)) and (caller := frame.f_back):
            outer = self._folder(caller)
            while outer is None and (caller := caller.f_back):      # through libraries and other folders of the project
                outer = self._folder(caller)
            if outer != here:
                self.found.setdefault((outer or "", here))

    @staticmethod
    def _folder(frame: FrameType) -> str | None:
        """None: no file of app/."""
        path = frame.f_code.co_filename
        return folder_of(list(Path(path).relative_to(ROOT).parts)) if path.startswith(f"{ROOT}/app/") else None


def generate(client: TestClient) -> dict[str, Any]:
    """What pressing Generate of the GAN's tab comes to."""
    config = client.get("/config").json()
    parts = {part["id"]: part for part in config["components"]}
    button = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "gan-generate")
    endpoint = next(one for one in config["dependencies"] if [button, "click"] in one["targets"] and one["backend_fn"])
    values = [parts[i]["props"].get("value") for i in endpoint["inputs"]]
    prompt = next(k for k, i in enumerate(endpoint["inputs"]) if parts[i]["props"].get("elem_id") == "gan-prompt")
    return in_line(client, endpoint["id"], [*values[:prompt], "a red star", *values[prompt + 1:]])


def test_the_way_of_a_prompt_enters_each_folder_once(small: Path, tmp_path: Path) -> None:
    entries = Entries()
    with served(tmp_path) as client:
        artist: Artist = client.service.artist                                  # type: ignore[attr-defined]
        artist.load("shapes-gan")                                               # so that reading a file is no part of the way
        threading.setprofile(entries)
        sys.setprofile(entries)
        try:
            said = generate(client)
            view = artist.wait(artist.jobs.all()[0].id, 120)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)                                          # type: ignore[arg-type]
        assert said["success"] and view.status == "done" and view.shots
    assert [(outer, here) for outer, here in entries.found if outer not in ("", "web") and here != ""] == WAY
