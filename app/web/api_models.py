"""What the models page's script asks for. JSON in, JSON out; names and addresses are checked by the service."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Body

from app.service import Service


def add(router: APIRouter, service: Service, answer: Callable[[Callable[[], Any]], Any]) -> None:
    """answer: turns what a person can mend into a sentence."""
    library = service.library

    def done(work: Callable[..., None], *arguments: str) -> dict[str, Any]:
        work(*arguments)
        return {}

    @router.get("/api/models")
    def listing() -> Any:
        return answer(lambda: {"models": library.listing()})

    @router.get("/api/models/search")
    def search(text: str = "", family: str = "", sort: str = "downloads", licence: str = "", most_gb: str = "0", likes: str = "0",
               downloads: str = "0") -> Any:
        return answer(lambda: {"found": library.search(text[:200], family, sort, licence, most_gb=most_gb, likes=likes,
                                                        downloads=downloads)})

    @router.get("/api/models/info")
    def info(repo: str, revision: str = "") -> Any:
        return answer(lambda: library.info(repo[:300], revision[:100]))

    @router.get("/api/models/newer")
    def newer(name: str) -> Any:
        return answer(lambda: library.newer(name))

    @router.get("/api/models/downloads")
    def downloads() -> Any:
        return answer(lambda: {"downloads": library.in_progress()})

    @router.post("/api/models/download")
    def download(repo: str = Body(), revision: str = Body("")) -> Any:
        return answer(lambda: {"id": library.download(repo[:300], revision[:100])})

    @router.post("/api/models/downloads/{download_id}/{what}")
    def steer(download_id: str, what: str) -> Any:
        return answer(partial(done, library.steer, download_id, what))

    @router.post("/api/models/add")
    def add(path: str = Body(), base: str = Body(""), scale: Any = Body(1.0)) -> Any:         # noqa: B008
        return answer(lambda: {"name": library.add(path[:4096], base[:300], scale)})

    @router.post("/api/models/remove")
    def remove(name: str = Body(embed=True)) -> Any:
        return answer(lambda: {"bytes": library.remove(name)})

    @router.post("/api/models/unload")
    def unload(name: str = Body(embed=True)) -> Any:
        return answer(lambda: {"bytes": library.unload(name)})

    @router.post("/api/models/verify")
    def verify(name: str = Body(embed=True)) -> Any:
        return answer(partial(done, library.verify, name))
