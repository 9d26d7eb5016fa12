"""What the page's scripts ask for about comparisons. JSON in, JSON out; ids and ranges are checked by the service."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import FileResponse, JSONResponse, Response

from app.service import Service


def ranges(text: str, most: int = 5000) -> list[int]:
    """Cell numbers from "0-5,10-12"; what cannot be read shows nothing."""
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        if part.isascii() and low.isdigit() and (high.isdigit() or not high) and len(part) < 16 and len(found) < most:
            found += range(int(low), min(int(high or low), int(low) + most) + 1)
    return found[:most]


def add(router: APIRouter, service: Service, answer: Callable[[Callable[[], Any]], Any]) -> None:
    """answer: turns what a person can mend into a sentence."""
    grids, reading = service.grids, service.reading

    @router.get("/api/grids")
    def listed(text: str = "", bin: bool = False, after: str = "") -> Any:
        return answer(lambda: grids.list(text[:500], bin, after))

    @router.get("/api/grid/{grid_id}")
    def grid(grid_id: str, seen: int = -1, show: str = "") -> Any:
        return answer(lambda: grids.view(grid_id, seen, ranges(show)))

    @router.get("/api/grid/{grid_id}/cell/{i}")
    def cell(grid_id: str, i: int) -> Any:
        return answer(lambda: reading.cell(grid_id, i))

    @router.get("/api/grid/{grid_id}/bits/{i}")
    def bits(grid_id: str, i: int) -> Any:
        return answer(lambda: reading.bits(grid_id, i))

    @router.get("/api/grid/{grid_id}/chart")
    def chart(grid_id: str, what: str = "error") -> Any:
        return answer(lambda: reading.chart(grid_id, what))

    @router.get("/api/grid/{grid_id}/frechet")
    def frechet(grid_id: str) -> Any:
        return answer(lambda: reading.frechet(grid_id))

    @router.post("/api/grid/{grid_id}/stop")
    def stop(grid_id: str, after: bool = Body(False, embed=True)) -> Any:                    # noqa: B008
        return answer(lambda: grids.stop(grid_id, after))

    @router.post("/api/grid/{grid_id}/resume")
    def resume(grid_id: str, retry: bool = Body(False, embed=True)) -> Any:                  # noqa: B008
        return answer(lambda: {"id": grids.resume(grid_id, retry)})

    @router.post("/api/grid/{grid_id}/change")
    def change(grid_id: str, name: str | None = Body(None), note: str | None = Body(None)) -> Any:       # noqa: B008
        return answer(lambda: grids.change(grid_id, name, note))

    @router.post("/api/grid/{grid_id}/delete")
    def delete(grid_id: str) -> Any:
        return answer(lambda: grids.delete(grid_id))

    @router.post("/api/grid/{grid_id}/restore")
    def restore(grid_id: str) -> Any:
        return answer(lambda: grids.restore(grid_id))

    @router.post("/api/grid/{grid_id}/again")
    def again(grid_id: str, cell: int | None = Body(None, embed=True)) -> Any:               # noqa: B008
        return answer(lambda: service.reproduction.grid(grid_id, cell))

    @router.post("/api/grid/{grid_id}/selftest")
    def selftest(grid_id: str) -> Any:
        return answer(lambda: service.reproduction.selftest(grids.asked(grid_id).ask))

    @router.post("/api/again/{image_id}")
    def again_image(image_id: str) -> Any:
        return answer(lambda: service.reproduction.picture(image_id))

    @router.get("/snapshot/{cell_id}.png")
    def snapshot(cell_id: str) -> Any:
        return answer(lambda: Response(reading.snapshot(cell_id), media_type="image/png"))

    @router.get("/export/{grid_id}.{ending}")
    def export(grid_id: str, ending: str, excel: bool = False) -> Any:
        def work() -> FileResponse | JSONResponse:
            path = reading.export(grid_id, ending, excel)
            return FileResponse(path, filename=path.name)
        return answer(work)
