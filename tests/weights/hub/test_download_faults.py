"""Every fault in every phase of a download: one sentence or it goes on, and never a wrong byte."""
from __future__ import annotations

import re
import time

import pytest

from tests.hub import HubServer
from tests.weights.hub.downloading import FILES, LIMIT, SHORT, SIZE, Begin, ended, whole
from weights.hub.download import installed

pytestmark = pytest.mark.slow

# what goes wrong, and what comes of it when it stays so
FAULTS = {"404": "not on the Hub", "401": "gated", "429": "too many requests", "500": "error of its own", "hang": "did not answer within",
          "stall": "did not answer within|done", "truncated": "broke|done", "gone": "broke", "hash": "checksum|not in the form",
          "redirect": "sent on to localhost|done", "long": "checksum|not in the form", "whole": "done"}
SILENT = ("hang", "stall")
NO_BODY = {"stall", "truncated", "gone", "hash", "long", "whole"}
CASES = [(phase, kind) for phase in ("info", "listing", "small", "resolve", "big") for kind in FAULTS
         if not (phase == "resolve" and kind in NO_BODY or phase in ("info", "listing") and kind in ("long", "whole"))]
PASSING = [case for case in CASES if case[1] not in ("404", "401", "redirect") and case != ("listing", "hash")]
STAYING = [case for case in CASES if case != ("big", "stall")]           # each half of a half comes, so that never ends


@pytest.mark.parametrize("phase,kind", STAYING)
def test_a_fault_that_stays_is_a_sentence_and_then_it_goes_on(hub: HubServer, begin: Begin, phase: str, kind: str) -> None:
    hub.add("me/gan", FILES)
    hub.fault(phase, kind)
    downloads = begin(limit=SHORT if kind in SILENT else LIMIT)
    id = downloads.start("me/gan")
    end = ended(downloads, id)
    assert re.search(FAULTS[kind], end.error or end.status) and "\n" not in end.error and hub.token not in end.error
    if end.status == "failed":
        assert installed(downloads.root) == [] and end.error.endswith(".") and len(end.error) < 300
        hub.mend()
        downloads.hub.limit = LIMIT
        if kind == "hash":                                     # a listing that was wrong stays what was planned
            downloads.cancel(id)
            id = downloads.start("me/gan")
        downloads.go_on(id)
        assert ended(downloads, id).status == "done"
    assert whole(downloads.root)


@pytest.mark.parametrize("phase,kind", PASSING)
def test_a_fault_that_passes_is_not_noticed(hub: HubServer, begin: Begin, phase: str, kind: str) -> None:
    hub.add("me/gan", FILES)
    hub.fault(phase, kind, times=1 if kind in ("hang", "stall", "long", "hash") else 3)
    downloads = begin(patience=60, limit=SHORT if kind in SILENT else LIMIT)
    assert ended(downloads, downloads.start("me/gan")).error == "" and whole(downloads.root)
    if (phase, kind) == ("big", "truncated"):
        assert hub.sent("big") == SIZE                         # no byte twice


def test_a_hub_that_goes_away_and_comes_back(hub: HubServer, begin: Begin) -> None:
    hub.add("me/gan", FILES)
    hub.block, hub.pace = SIZE // 20, 0.02
    downloads = begin()
    id = downloads.start("me/gan")
    hub.until(lambda: hub.sent("big") > SIZE // 4)
    hub.stop()
    end = ended(downloads, id)
    assert end.status == "failed" and "cannot be reached" in end.error and 0 < end.done < end.bytes
    first = hub.sent("big")
    hub.start()
    downloads.go_on(id)
    assert ended(downloads, id).status == "done" and whole(downloads.root)
    assert SIZE <= hub.sent("big") <= SIZE + first - (end.done - 1000) + hub.block


def test_the_pause_that_the_hub_wants_is_kept(hub: HubServer, begin: Begin) -> None:
    hub.add("me/gan", FILES)
    hub.fault("big", "429", times=1, after="1")
    downloads, began = begin(patience=60), time.monotonic()
    assert ended(downloads, downloads.start("me/gan")).status == "done" and time.monotonic() - began > 1
    hub.add("me/other", FILES)
    hub.fault("big", "429", after="3600")
    assert "try again in 3600 s" in ended(downloads, downloads.start("me/other")).error
