"""What the page's scripts ask for: snapshots of jobs, recorded steps, the gallery, pictures. JSON in, JSON out."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Body
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute

from app.drawing.artist import GONE
from app.drawing.ask import Ask
from app.drawing.views import JobView
from app.errors import sentence, sentences
from app.paths import ROOT
from app.service import Service
from app.web import api_grids, api_models
from app.web.refusals import Said, refusal
from pipelines import registry

Answer = Callable[[Callable[[], Any]], Any]

IMAGE_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}


def routes(service: Service, warm: bool = False) -> list[BaseRoute]:
    """The routes below /api, /image and /source, ready to be answered by: a router that is included makes all of its own anew at the first
    request. Ids and filters are checked by the service.

    warm: get ready to draw when a page is there; before, whatever takes the processors' time would hold it up.
    """
    router = APIRouter(default_response_class=Said)

    @router.get("/api/chips")
    def chips() -> Any:
        if warm:
            service.warm(after=1.0)
        return service.chips() | {"program": service.identity, "jobs": [_brief(view) for view in service.jobs()[:30]]}

    for part in (_jobs, _lab, _codes, _gallery, api_grids.add, api_models.add):
        part(router, service, answer)
    return router.routes


def answer(work: Callable[[], Any]) -> Any:
    """What a piece of work returns; what a person can mend becomes a sentence."""
    try:
        return work()
    except sentences() as error:
        return refusal(sentence(error))


def misfit(request: Request, error: Exception) -> Said:
    """What is no value of the kind that a route takes."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part)[:60] for part in first["loc"][1:]) or "What was sent"
    return refusal(f"{where} does not fit here: {first['msg'][:200]}; use the page itself.")


def nothing(request: Request, error: Exception) -> Said:
    """An address or method that there is not."""
    assert isinstance(error, HTTPException)
    return refusal(f"{str(error.detail)[:200]}: there is nothing at that address; use the page itself.", error.status_code)


def _jobs(router: APIRouter, service: Service, answer: Answer) -> None:
    @router.get("/api/job/{job_id}")
    def job(job_id: str, seen: int = -1) -> Any:
        """A snapshot, or only the version if nothing changed since `seen`."""
        view = service.job(job_id)
        if view is None:
            return refusal(GONE, 404)
        return {"version": view.version, "status": view.status} if view.version == seen else asdict(view)

    @router.get("/api/frame/{name}/{k}")
    def frame(name: str, k: int) -> Any:
        return answer(lambda: asdict(service.recordings.find(name).frame(k)))

    @router.get("/api/trajectories/{name}")
    def trajectories(name: str) -> Any:
        return answer(lambda: asdict(service.recordings.find(name).trajectories()))

    @router.post("/api/keep/{job_id}")
    def keep(job_id: str) -> Any:
        return answer(lambda: {"count": service.recordings.keep(job_id)})

    @router.post("/api/stop/{job_id}")
    def stop(job_id: str) -> Any:
        service.stop(job_id)
        return {}


def _lab(router: APIRouter, service: Service, answer: Answer) -> None:
    @router.post("/api/lab/{family}")
    def lab_train(family: str, density: str = Body(), points: list[list[float]] | None = Body(None),              # noqa: B008
                  options: dict[str, Any] = Body({}), live: bool = Body(True)) -> Any:         # noqa: B006, B008
        return answer(lambda: {"id": service.lab.train(family, density, points, options, live)})

    @router.post("/api/lab/{name}/step")
    def lab_step(name: str, parts: list[str] = Body(), count: int = Body(1)) -> Any:           # noqa: B008
        return answer(lambda: service.lab.step(name, parts, count))

    @router.get("/api/lab/{name}")
    def lab_state(name: str) -> Any:
        return answer(lambda: service.lab.state(name))

    @router.post("/api/lab/{name}/run")
    def lab_run(name: str, sampler: str = Body(), options: dict[str, Any] = Body(), count: int = Body(400),      # noqa: B008
                seed: int = Body(0), fan: bool = Body(False)) -> Any:
        return answer(lambda: service.lab.run(name, sampler, options, count, seed, fan))

    @router.post("/api/lab/{name}/contours")
    def lab_contours(name: str, options: dict[str, Any] = Body(embed=True)) -> Any:            # noqa: B008
        return answer(lambda: service.lab.contours(name, options))


def _codes(router: APIRouter, service: Service, answer: Answer) -> None:
    @router.get("/api/codes/{job_id}/{k}")
    def codes_of(job_id: str, k: int) -> Any:
        return answer(lambda: asdict(service.codes.of_job(job_id, k)))

    @router.post("/api/codes/{family}/decode")
    def codes_decode(family: str, model: str = Body(), codes: list[list[int]] = Body()) -> Any:        # noqa: B008
        return answer(lambda: {"url": service.codes.decode(Ask(family, "", model=model), codes)})

    @router.post("/api/codes/{family}/book")
    def codes_book(family: str, model: str = Body(embed=True)) -> Any:
        return answer(lambda: asdict(service.codes.codebook(Ask(family, "", model=model))))


def _gallery(router: APIRouter, service: Service, answer: Answer) -> None:
    @router.get("/api/examples/{family}")
    def examples(family: str, model: str = "") -> Any:
        """Of the data set of a model, or of the family's first one."""
        return answer(lambda: [asdict(picture) for picture in service.examples(family, model or None)])

    @router.get("/api/families")
    def families() -> Any:
        """All families measured side by side; null if nothing was measured."""
        return answer(service.side_by_side.table)

    @router.get("/api/facets")
    def facets() -> Any:
        return answer(service.gallery.facets)

    @router.get("/api/gallery")
    def gallery(family: str = "", sampler: str = "", steps_min: str = "", steps_max: str = "", text: str = "",
                bin: bool = False, after: str = "") -> Any:
        return answer(lambda: asdict(service.gallery.page(
            family=family or None, sampler=sampler or None, steps_min=steps_min, steps_max=steps_max, text=text[:500],
            bin=bin, after=after or None)))

    @router.get("/api/picture/{image_id}")
    def picture(image_id: str) -> Any:
        return answer(lambda: asdict(service.gallery.picture(image_id)))

    @router.post("/api/delete")
    def delete(ids: list[str] = Body(embed=True)) -> Any:                     # noqa: B008
        return answer(lambda: {"count": service.gallery.delete(ids)})

    @router.post("/api/restore")
    def restore(ids: list[str] = Body(embed=True)) -> Any:                    # noqa: B008
        return answer(lambda: {"count": service.gallery.restore(ids)})

    @router.post("/api/empty-bin")
    def empty_bin() -> Any:
        return answer(lambda: {"count": service.gallery.empty_bin()})

    @router.get("/api/notices")
    def notices() -> Any:
        return answer(lambda: {"notices": service.gallery.notices()})

    @router.post("/api/notices")
    def look_again(accept: bool = Body(False, embed=True)) -> Any:            # noqa: B008
        return answer(lambda: {"notices": service.gallery.look_again(accept)})

    @router.get("/image/{image_id}.png")
    def image(image_id: str) -> Any:
        return answer(lambda: FileResponse(service.gallery.file(image_id), media_type="image/png", headers=IMAGE_HEADERS))

    @router.get("/source/{path:path}")
    def source(path: str) -> Any:
        """A file that the page explains; no other file is given out."""
        if path not in explained():
            return refusal("Only the files that the page speaks of are shown here.", 404)
        return FileResponse(ROOT / path, media_type="text/plain; charset=utf-8")


def explained() -> frozenset[str]:
    """The files that the families' panels name."""
    faces = registry.faces()
    terms = [term for face in faces for term in (face.about.network, face.about.objective, face.about.sampling, *face.about.more)]
    return frozenset([term.file for term in terms] + [spec.file for face in faces for spec in face.every.values()])


def _brief(view: JobView) -> dict[str, Any]:
    """A line of the queue's drawer."""
    return {"id": view.id, "kind": view.kind, "family": view.family, "status": view.status, "title": view.title,
            "step": view.step, "total": view.total, "seconds": view.seconds, "grid": view.grid_id}
