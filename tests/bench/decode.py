"""Sequences of tokens that arrive at different times: our engine against Hugging Face transformers' `generate`.

One side in a process of its own: python -m tests.bench.decode NAME. Both decode with a transformer of DALL-E's default size
(transformers: a GPT-2 with as many layers, heads, numbers and tokens), in fp32, by drawing at temperature 1.
`generate` takes a batch and returns when all of it is done, so the best that its user can do is to give it, whenever it is
free, everything that has arrived; that is the peer of the ratio. Beside it stands a call for each sequence, as it is without a
program around it ("alone"). Our engine takes a sequence in as soon as it arrives.
"""
from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.bench.sides import without_compiled_operators
from tests.bench.train import ROOT, environment

ROWS, TOKENS, ROUNDS = 64, 64, 3
SPREADS = (0.0, 0.25, 0.5, 1.0)    # seconds within which the sequences arrive; the first is all at once
HEADLINE = 0.25                    # that of the reported ratio: both sides have work all the time
Times = list[float]                # of each sequence: seconds from its arrival to its last token, or when it arrives


def run() -> dict[str, Any]:
    """Both sides in turn, ROUNDS times; the ratio is of the seconds from the first arrival to the last token of all."""
    pythons = {"ours": Path(sys.executable), "peer": environment(), "alone": environment()}
    rounds = [{name: measured(python, name) for name, python in pythons.items()} for _ in range(ROUNDS)]

    def median(name: str, what: str, spread: float) -> float:
        return statistics.median(r[name][what][str(spread)] for r in rounds)

    ratios = {what: {spread: statistics.median(r["peer"][what][str(spread)] / r["ours"][what][str(spread)] for r in rounds)
                     for spread in SPREADS} for what in ("all", "each")}
    return {"ours": median("ours", "all", HEADLINE), "peer": median("peer", "all", HEADLINE), "ratio": ratios["all"][HEADLINE],
            "unit": f"s until {ROWS} sequences of {TOKENS} tokens that arrive within {HEADLINE} s are done",
            "seconds": {name: {what: {spread: median(name, what, spread) for spread in SPREADS} for what in ("all", "each")}
                        for name in pythons},
            "ratios_by_spread": ratios, "ratio_to_alone": median("alone", "all", HEADLINE) / median("ours", "all", HEADLINE),
            "cached_minus_uncached": max(r["ours"]["cached_minus_uncached"] for r in rounds)}


def measured(python: Path, name: str) -> dict[str, Any]:
    """One side in a new process."""
    done = subprocess.run([str(python), "-m", "tests.bench.decode", name], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The side {name} failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def arrivals(spread: float) -> Times:
    """When the sequences arrive: anywhere within the spread, the first at once; the same for both sides."""
    rng = random.Random(0)
    return sorted([0.0, *(spread * rng.random() for _ in range(ROWS - 1))])


def served(side: Callable[[Times], Times]) -> dict[str, Any]:
    """"all": seconds until everything is done; "each": mean seconds from a sequence's arrival to its last token."""
    for spread in (0.0, HEADLINE):                                            # warm-up
        side(arrivals(spread))
    found: dict[str, Any] = {"all": {}, "each": {}}
    for spread in SPREADS:
        came = arrivals(spread)
        took = side(came)
        found["all"][spread] = max(a + b for a, b in zip(came, took, strict=True))
        found["each"][spread] = statistics.mean(took)
    return found


def prompts(words: range, length: int) -> torch.Tensor:
    return torch.randint(words.start, words.stop, (ROWS, length), generator=torch.Generator().manual_seed(0))


def ours() -> dict[str, Any]:
    """A job for each sequence, submitted when it arrives."""
    from app.device.device import choose_device, threads
    from pipelines.dalle.network import DALLE, DALLEConfig
    from pipelines.data import dataset
    from pipelines.engine import Engine, Event, Job
    from pipelines.engine.job import Listener
    from pipelines.engine.precision import keyed
    from pipelines.nets.codes import UNKNOWN
    from pipelines.numerics.rng import RowNoise
    from pipelines.protocol import NetKey
    from pipelines.tokens.samplers import Ancestral, ancestral
    from pipelines.tokens.sampling import Drawn, Look, continued
    torch.manual_seed(0)
    device = choose_device()
    net = DALLE(DALLEConfig.of(dataset("shapes"), {})).eval().to(device)
    config = net.config
    engine = Engine(keyed("bench", net, ("read",), device, {"read": config.transformer.memory}), device, cores=threads())
    words = prompts(range(config.codes.codes, config.codes.codes + config.vocabulary), config.text).to(device)
    nothing = torch.full((1, TOKENS), UNKNOWN, device=device)

    def submitted(k: int, look: Look, listener: Listener | None = None) -> Job:
        return engine.submit(continued(NetKey("bench", "read"), words[k:k + 1], words[k:k + 1], 1.0, nothing,
                                       RowNoise((k,), (1,), device), partial(ancestral, options=Ancestral()), look), listener=listener)

    def side(came: Times) -> Times:
        ends, done = [0.0] * ROWS, threading.Semaphore(0)

        def listener(k: int, job: Job, event: Event) -> None:
            if event.kind == "done":
                ends[k] = time.perf_counter() - begin
                done.release()

        begin = time.perf_counter()
        for k, at in enumerate(came):
            time.sleep(max(0.0, begin + at - time.perf_counter()))
            submitted(k, lambda drawn: iter(()), partial(listener, k))
        for _ in range(ROWS):
            done.acquire()
        return [end - at for end, at in zip(ends, came, strict=True)]

    def difference() -> float:
        """Of the logits of all drawn tokens from those that the network gives when it reads the whole sequence at once."""
        def keep(logits: list[torch.Tensor], drawn: Drawn) -> Iterator[Any]:
            logits.append(drawn.logits[0])
            return iter(())

        seen: list[list[torch.Tensor]] = [[] for _ in range(ROWS)]
        jobs = []
        for k in range(ROWS):
            jobs.append(submitted(k, partial(keep, seen[k])))
            time.sleep(0.002)
        tokens = torch.cat([job.result() for job in jobs])
        with torch.inference_mode():
            whole = net.model(torch.cat([words, tokens[:, :-1]], 1))[:, config.text - 1:, :config.codes.codes]
        return (torch.stack([torch.stack(logits) for logits in seen]) - whole).abs().max().item()

    found = served(side) | {"cached_minus_uncached": difference()}
    engine.close()
    return found


def peer(together: bool = True) -> dict[str, Any]:
    """Whenever it is free, `generate` for all that has arrived; or for the sequence that came first."""
    without_compiled_operators()
    from transformers import GPT2Config, GPT2LMHeadModel

    from app.device.device import choose_device
    from pipelines.dalle.network import DALLEConfig
    from pipelines.data import dataset
    config, device = DALLEConfig.of(dataset("shapes"), {}), choose_device()
    vocabulary = config.codes.codes + config.vocabulary + config.text
    gpt = GPT2Config(vocab_size=vocabulary, n_positions=config.text + TOKENS, n_embd=config.width, n_layer=config.layers,
                     n_head=config.heads, bos_token_id=None, eos_token_id=None)
    net: Any = GPT2LMHeadModel(gpt).eval().to(device)
    words = prompts(range(config.codes.codes, vocabulary - config.text), config.text).to(device)

    def side(came: Times) -> Times:
        ends: Times = []
        begin = time.perf_counter()
        while len(ends) < ROWS:
            time.sleep(max(0.0, begin + came[len(ends)] - time.perf_counter()))
            now = time.perf_counter() - begin
            batch = words[len(ends):sum(at <= now for at in came) if together else len(ends) + 1]
            with torch.inference_mode():
                net.generate(batch, attention_mask=torch.ones_like(batch), do_sample=True, temperature=1.0, top_k=0,
                             max_new_tokens=TOKENS, pad_token_id=0)
            ends += [time.perf_counter() - begin] * len(batch)
        return [end - at for end, at in zip(ends, came, strict=True)]

    return served(side)


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "peer": peer, "alone": partial(peer, together=False)}[sys.argv[1]]()))
