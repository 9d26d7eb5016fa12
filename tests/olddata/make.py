"""Makes a data folder with the program as it is now, for later versions to open, and notes what the program shows of it.

    python -m tests.olddata.make NAME

2026-11 was made at commit 5cb979d.
"""
from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from app.cli import main
from app.drawing.ask import Ask
from pipelines import registry
from pipelines.nets.unet import UNetConfig
from storage import Storage
from tests.app.served import png, served
from tests.hub import HubServer
from tests.olddata.folder import HERE, ROOT, shown
from tests.tiny import untrained
from weights.hub.client import HUB
from weights.load import save

STAR = ("--prompt", "a red star")


def command(data: Path, *arguments: str, code: int = 0) -> Any:
    """What a command prints."""
    said = io.StringIO()
    with redirect_stdout(said):
        assert main([*arguments, "--data", str(data), "--json"]) == code, arguments
    return json.loads(said.getvalue())


def shaken(net: Any) -> Any:
    """A network with random weights, multiples of 1/64, which take little room."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in (p for p in net.parameters() if p.dim() > 1):
            p.copy_(torch.randn(p.shape, generator=rng).mul(64 / 20).round() / 64)
    return net


def models(data: Path) -> None:
    """A small one of each family as the weights of a run, one of the Hub, and the same one as a folder of the user's own."""
    for family in registry.NAMES:
        net = shaken(untrained(family, UNetConfig(widths=(8, 8), heads=2, context=16, emb=16)))
        path = data / "runs" / f"tiny-{family}" / "model.safetensors"
        path.parent.mkdir(parents=True)
        save(path, net.state_dict(), {"family": family, "title": f"small {family}", "config": net.config.to_dict()})
    own = data.parent / "own" / "tiny-ddpm"
    unet = UNet2DModel(sample_size=16, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
                       down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)
    DDPMPipeline(shaken(unet), DDPMScheduler()).save_pretrained(own)
    with HubServer() as server:
        server.add("me/tiny-ddpm", {path.relative_to(own).as_posix(): path.read_bytes() for path in own.rglob("*") if path.is_file()})
        HUB.endpoint = server.endpoint
        command(data, "models", "download", "me/tiny-ddpm")
    command(data, "models", "add", str(own))


def pictures(data: Path, source: str) -> None:
    """Of several samplers, each with a seed of its own."""
    for k, (family, *more) in enumerate((
            ("diffusion", "--sampler", "ddim", "--eta", "0.5", "--steps", "4", "--negative-prompt", "a blue ring", "--count", "3"),
            ("diffusion", "--sampler", "euler_a", "--steps", "4", "--guidance-scale", "1"),
            ("diffusion", "--sampler", "dpmpp_2m", "--steps", "5", "--karras", "true"),
            ("diffusion", "--sampler", "dpmpp_sde", "--steps", "3", "--spacing", "linspace"),
            ("diffusion", "--sampler", "unipc", "--steps", "4", "--picture", source, "--strength", "0.5"),
            ("sde", "--sampler", "ode_heun", "--steps", "6"),
            ("sde", "--sampler", "predictor_corrector", "--steps", "4", "--process", "ve", "--start-seed", "5"),
            ("sde", "--sampler", "reverse_diffusion", "--steps", "4", "--picture", source, "--t-start", "0.5"),
            ("flow", "--sampler", "rk45", "--rtol", "0.01"),
            ("flow", "--sampler", "midpoint", "--steps", "3", "--path", "vp", "--count", "2"),
            ("flow", "--sampler", "euler", "--steps", "4", "--picture", source, "--t-start", "0.4"),
            ("vqvae", "--sampler", "top_p", "--top-p", "0.8", "--temperature", "0.9"),
            ("vqvae", "--sampler", "ancestral", "--temperature", "1.3"),
            ("gan", "--truncation", "3", "--second", "9", "--walk", "0.25", "--count", "2"),
            ("gan", "--mix", "style", "--second", "3"),
            ("dalle", "--sampler", "top_k", "--top-k", "8", "--candidates", "2"),
            ("dalle", "--sampler", "greedy", "--picture", source, "--keep-rows", "4", "--mask", "00000000f0000000"),
            ("diffusion", "--model", "me/tiny-ddpm", "--sampler", "ddpm", "--steps", "3"),
            ("diffusion", "--model", "shapes-diffusion", "--sampler", "ddim", "--steps", "5"),
            ("gan", "--model", "shapes-gan", "--count", "2"))):
        command(data, "sample", family, *STAR, "--model", f"tiny-{family}", "--count", "1", "--seed", str(10 * k), *more)


def trainings(data: Path) -> None:
    """A few steps, with weights that were kept on the way; and a few from pictures that a model draws first."""
    for family, name, *more in (("diffusion", "learning", "--steps", "4", "--keep", "2"),
                                ("flow", "straight", "--steps", "2", "--coupling", "reflow", "--couples", "4")):
        command(data, "train", family, "--name", name, "--from", f"tiny-{family}", "--batch", "2", "--workers", "0", *more)


def comparisons(data: Path, source: str) -> None:
    """Finished ones; the last has a cell whose picture to start from was not there for a while."""
    def compare(*arguments: str, code: int = 0) -> str:
        return command(data, "compare", *arguments, code=code)["grid_id"]

    compare("diffusion", *STAR, "--model", "tiny-diffusion", "--x", "steps=2,3", "--y", "sampler=ddim,dpmpp_2m",
            "--z", "prompt=a red star | a blue ring", "--count", "2", "--seed", "3", "--guidance-scale", "1", "--snapshots",
            "--name", "samplers")
    compare("diffusion", *STAR, "--model", "tiny-diffusion", "--x", "eta=0,1", "--y", "sampler=ddim,euler", "--steps", "2", "--no-distance",
            "--name", "empty cells")
    compare("diffusion", *STAR, "--x", "model=tiny-diffusion,learning@2,learning", "--y", "guidance_scale=1,3", "--steps", "2",
            "--no-distance", "--name", "models")
    compare("gan", *STAR, "--model", "tiny-gan", "--x", "truncation=1,2", "--y", "seed=1-2(+1)", "--exact", "--no-distance",
            "--name", "exact")
    compare("flow", *STAR, "--x", "nfe=4,8", "--y", "family=all", "--no-distance", "--name", "families")
    again = compare("sde", *STAR, "--model", "tiny-sde", "--picture", source, "--x", "t-start=0.5", "--steps", "3", "--no-distance",
                    "--name", "failed cell")
    (kept,) = (data / "sources").iterdir()
    kept.rename(data / kept.name)
    compare("--resume", again, "--x", "t-start=0.5,0.3", code=1)
    (data / kept.name).rename(kept)


def through_the_page(data: Path) -> None:
    """What no command does: a recorded process, notes, exports that the page made, the bin."""
    with served(data) as client:
        service = client.service                                                                       # type: ignore[attr-defined]
        job = service.generate(Ask("flow", "a green cross", model="tiny-flow", options={"steps": 3}, seed=500, count=1))
        assert service.wait(job).status == "done" and client.post(f"/api/keep/{job}").json() == {"count": 1}
        grids = {grid["name"]: grid["id"] for grid in client.get("/api/grids").json()["items"]}
        client.post(f"/api/grid/{grids['samplers']}/change", json={"note": "two prompts"})
        for exported in (f"{grids['samplers']}.csv", f"{grids['exact']}.png"):
            assert client.get(f"/export/{exported}").status_code == 200
        client.post("/api/delete", json={"ids": [client.get("/api/gallery", params={"sampler": "euler_a"}).json()["items"][0]["id"]]})
        client.post(f"/api/grid/{grids['empty cells']}/delete")


def cut_off(data: str) -> None:
    """A comparison by a process that dies when it is to keep its third picture."""
    save_image, kept = Storage.save_image, list[Any]()

    def dying(*given: Any, **more: Any) -> Any:
        if len(kept) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        kept.append(save_image(*given, **more))
        return kept[-1]
    Storage.save_image = dying                                                                         # type: ignore[method-assign]
    main(["compare", "flow", *STAR, "--model", "tiny-flow", "--x", "steps=1,2,4", "--y", "sampler=euler,heun", "--no-distance",
          "--name", "cut off", "--data", data])


def packed(root: Path, name: str) -> None:
    """root as an archive that depends on its files alone; the database is one file, paths begin anew where it is unpacked."""
    with closing(sqlite3.connect(root / "data" / "playground.sqlite3")) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    links = root / "data" / "models" / "links.json"
    links.write_text(links.read_text().replace(str(root), ROOT))

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime = 0, 0, "", "", int(entry.mtime)
        return entry
    with tarfile.open(HERE / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            archive.add(path, path.relative_to(root).as_posix(), filter=plain)
    links.write_text(links.read_text().replace(ROOT, str(root)))


def make(root: Path, name: str) -> None:
    """The archive and the notes."""
    data, source = root / "data", root / "source.png"
    source.write_bytes(png())
    models(data)
    trainings(data)
    pictures(data, str(source))
    comparisons(data, str(source))
    rows = command(data, "evaluate", "gan", "--model", "tiny-gan", "--table", "--count", "8")["rows"]
    command(data, "evaluate", "--table", "--count", "8")
    through_the_page(data)
    source.unlink()
    child = multiprocessing.get_context("spawn").Process(target=cut_off, args=(str(data),))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    packed(root, name)
    with served(data) as client:
        found = shown(client)
    found["models"] = {model["name"]: model for model in command(data, "models")["models"] if model["source"] != "bundled"}
    found["samplers"] = {row["sampler"]: row for row in rows}
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), sys.argv[1])
