"""What the Hub says reaches a person within the time limit: as facts, or as one sentence."""
from __future__ import annotations

import json
import re
import time

import pytest

from tests.hub import HubServer
from tests.hub.server import SILENCE
from weights.check.configs import MAX_JSON
from weights.check.preflight import Plan
from weights.check.verify import WeightsError
from weights.hub.client import Hub
from weights.hub.remote import HubError, conversion, info, listed, newer, search

OWN = json.dumps({"sextant": {"family": "gan", "title": "Small GAN", "config": {}}}).encode()
CARD = b"---\nlicense: mit\ntags: [a]\n---\n\n# A GAN\n\nIt draws.\n"
FILES = {"config.json": OWN, "model.safetensors": b"w" * 5000, "README.md": CARD}
LIMIT, SHORT = 20.0, 0.4           # seconds that the Hub may be silent: where it is not, and where it is on purpose


def asking(hub: HubServer, limit: float = LIMIT) -> Hub:
    return Hub(hub.endpoint, limit)


def refused(hub: HubServer, repo: str = "me/gan", revision: str | None = None, limit: float = LIMIT) -> str:
    """The sentence with which a look and its plan end."""
    began = time.monotonic()
    with pytest.raises(HubError) as caught:
        listed(repo, revision, asking(hub, limit)).plan()
    assert time.monotonic() - began < SILENCE / 2                  # which nobody waited for
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and hub.token not in sentence and len(sentence) < 300
    return sentence


def test_a_look_says_what_there_is(hub: HubServer) -> None:
    hub.page = 2
    commit = hub.add("me/gan", FILES, likes=5, downloads=70, gated="auto", tags=["sextant"])
    remote = info("me/gan", hub=asking(hub))
    assert (remote.id, remote.commit, remote.licence, remote.gated) == ("me/gan", commit, "apache-2.0", True)
    assert (remote.likes, remote.downloads, remote.adapter) == (5, 70, "own")
    assert remote.listing["model.safetensors"].size == 5000 and len(remote.listing["model.safetensors"].digest) == 64
    assert len(remote.listing["config.json"].digest) == 40 and hub.asked()["listing"] == 2
    assert remote.card == "# A GAN\nIt draws." and remote.updated == "2026-01-02" and remote.storage == sum(map(len, FILES.values()))
    plan = remote.plan()
    assert isinstance(plan, Plan) and plan.family == "gan" and set(plan.files) == {"config.json", "model.safetensors"}
    assert hub.asked()["big"] == hub.asked()["resolve"] == 0


@pytest.mark.parametrize("written", ["me/gan", " me/gan/ ", "{endpoint}/me/gan", "{endpoint}/me/gan/tree/main/unet"])
def test_names_may_be_pasted(hub: HubServer, written: str) -> None:
    hub.add("me/gan", FILES)
    assert listed(written.format(endpoint=hub.endpoint), hub=asking(hub)).id == "me/gan"


@pytest.mark.parametrize("bad", ["", "../../etc", "a/b/c", "me/ga--n", "https://elsewhere.com/me/gan", "me/gan?x=1", "x" * 200])
def test_what_is_no_name_is_not_asked_for(hub: HubServer, bad: str) -> None:
    assert "owner/name" in refused(hub, bad) and not hub.log


def test_revisions(hub: HubServer) -> None:
    first = hub.add("me/gan", FILES)
    second = hub.add("me/gan", {**FILES, "LICENSE": b"free"})
    other = hub.add("me/gan", FILES, branch="refs/pr/1")
    ask = asking(hub)
    assert listed("me/gan", hub=ask).commit == second and listed("me/gan", "refs/pr/1", ask).commit == other
    assert listed("me/gan", first, ask).commit == first
    assert newer("me/gan", first, hub=ask) == second and newer("me/gan", second, hub=ask) is None
    assert newer("me/gan", other, "refs/pr/1", ask) is None
    assert "no such revision" in refused(hub, revision="absent")


def test_a_conversion_of_pickles_is_found(hub: HubServer) -> None:
    pickled = {"config.json": OWN, "model.bin": b"p" * 50}
    hub.add("me/gan", pickled)
    assert conversion(listed("me/gan", hub=asking(hub))) is None
    hub.add("me/gan", pickled, branch="refs/pr/1")
    hub.add("me/gan", {**pickled, "model.safetensors": b"w"}, branch="refs/pr/2")
    hub.add("me/gan", {"model.safetensors": b"w"}, branch="half")
    assert conversion(listed("me/gan", hub=asking(hub))) == "refs/pr/2"
    assert conversion(listed("me/gan", "refs/pr/2", asking(hub))) is None                  # it has them itself
    hub.fault("refs", "500")
    with pytest.raises(HubError):
        conversion(listed("me/gan", hub=asking(hub)))


def test_search(hub: HubServer) -> None:
    hub.add("a/sd", FILES, tags=["diffusers", "diffusers:StableDiffusionPipeline"], downloads=5, likes=1, licence="mit")
    hub.add("b/sd-two", FILES, tags=["diffusers", "diffusers:StableDiffusionXLPipeline"], downloads=9, likes=0, licence="other",
            gated="auto")
    hub.add("c/flow-sd", FILES, tags=["diffusers:FluxPipeline"], downloads=7)
    hub.add("e/mine", FILES, tags=["sextant", "gan"], downloads=1)
    hub.add("d/language-sd", FILES, tags=["transformers"], downloads=99)
    ask = asking(hub)
    assert [model.id for model in search("sd", hub=ask)] == ["d/language-sd", "b/sd-two", "c/flow-sd", "a/sd"]
    assert [model.id for model in search("", family="diffusion", hub=ask)] == ["b/sd-two", "a/sd"]
    assert [model.id for model in search("sd", family="diffusion", sort="likes", hub=ask)] == ["a/sd", "b/sd-two"]
    assert [model.id for model in search("", family="gan", hub=ask)] == ["e/mine"]
    assert [model.id for model in search("", licence="mit", hub=ask)] == ["a/sd"] and len(search("", limit=2, hub=ask)) == 2
    found = search("two", hub=ask)[0]
    assert (found.adapter, found.gated, found.licence) == ("sdxl", True, "other") and search("language", hub=ask)[0].adapter == ""
    with pytest.raises(HubError, match="sorted"):
        search("", sort="colour", hub=ask)


SENTENCES = {"404": "not on the Hub", "401": "gated", "429": "too many requests", "500": "error of its own",
             "hang": "did not answer within 0.4 s", "stall": "did not answer within 0.4 s", "truncated": "broke", "gone": "broke",
             "hash": "not in the form|checksum", "redirect": "sent on to localhost"}


@pytest.mark.parametrize("kind", SENTENCES)
@pytest.mark.parametrize("phase", ["info", "listing", "small"])
def test_every_fault_is_a_sentence(hub: HubServer, phase: str, kind: str) -> None:
    hub.add("me/gan", FILES)
    hub.fault(phase, kind)
    if (phase, kind) == ("small", "redirect"):                     # files may come from anywhere, and have the right checksum
        assert listed("me/gan", hub=asking(hub)).plan().family == "gan"
        return
    assert re.search(SENTENCES[kind], refused(hub, limit=SHORT if kind in ("hang", "stall") else LIMIT))
    hub.mend()
    assert listed("me/gan", hub=asking(hub)).plan().family == "gan"


@pytest.mark.parametrize("kind", SENTENCES)
def test_every_fault_of_a_search_is_a_sentence(hub: HubServer, kind: str) -> None:
    hub.add("a/sd", FILES)
    hub.fault("search", kind)
    with pytest.raises(HubError) as caught:
        search("sd", family="diffusion", hub=asking(hub, SHORT if kind in ("hang", "stall") else LIMIT))
    assert hub.token not in str(caught.value)


def test_a_hub_that_is_not_there(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.stop()
    assert "cannot be reached" in refused(hub)
    from huggingface_hub import constants
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    assert "HF_HUB_OFFLINE" in refused(hub)


def test_a_trickle_ends_in_time(hub: HubServer) -> None:
    hub.add("me/gan", {**FILES, **{f"file{n}.txt": b"x" for n in range(400)}})
    hub.block, hub.pace = 100, 0.05
    assert "did not finish" in refused(hub, limit=SHORT)


def test_the_token_decides(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/gan", FILES, private=True)
    hub.add("you/gated", FILES, gated="manual")
    assert listed("me/gan", hub=asking(hub)).plan() and listed("you/gated", hub=asking(hub)).plan()
    monkeypatch.setenv("HF_TOKEN", "")
    from huggingface_hub import constants
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent")
    assert "or it is private" in refused(hub)
    assert "gated" in (sentence := refused(hub, "you/gated")) and "hf auth login" in sentence and f"{hub.endpoint}/you/gated" in sentence
    assert info("you/gated", hub=asking(hub)).card == ""            # all else is known


def test_a_limit_that_the_hub_states(hub: HubServer) -> None:
    hub.add("me/gan", FILES)
    hub.fault("info", "429", after="42")
    with pytest.raises(HubError, match="try again in 42 s") as caught:
        info("me/gan", hub=asking(hub))
    assert caught.value.temporary and caught.value.after == 42.0


def test_large_configurations_are_not_read(hub: HubServer) -> None:
    hub.add("me/gan", {**FILES, "config.json": b" " * (MAX_JSON + 1)})
    with pytest.raises(WeightsError, match="8 MiB"):
        listed("me/gan", hub=asking(hub)).plan()
    assert hub.asked()["small"] == 0


@pytest.mark.parametrize(("name", "proxy", "says"), [
    ("all_proxy", "socks5://me:secret@127.0.0.1:9", "only proxies like http://host:port"), ("ALL_PROXY", "socks4://h", "only proxies like"),
    ("http_proxy", "magic://h", "only proxies like"), ("http_proxy", "://h", "only proxies like"),
    ("http_proxy", "http://[::1", "only proxies"),
    ("HTTP_PROXY", "http://127.0.0.1:1", "cannot be reached through the proxy"), ("http_proxy", "nonsense", "cannot be reached through"),
    ("http_proxy", "http://h:99999999", "prox")])
def test_a_proxy_that_cannot_be_used_is_a_sentence(hub: HubServer, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str,
                                                   says: str) -> None:
    monkeypatch.setenv(name, proxy)
    with pytest.raises(HubError) as caught:
        search("star", hub=asking(hub))
    assert says in str(caught.value) and name in str(caught.value) and "secret" not in str(caught.value) and not hub.log


def test_no_proxy_leads_past_it(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("me/gan", FILES)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for hosts in ("127.0.0.1", "example.com, 127.0.0.1", "*"):
        monkeypatch.setenv("no_proxy", hosts)
        assert [found.id for found in search("gan", hub=asking(hub))] == ["me/gan"]
