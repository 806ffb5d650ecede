"""Which address answers what."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from surefoot.core.errors import SurefootError
from surefoot.core.progress import Interrupted, Stop
from surefoot.web import convergence_map, descent, schedule_editor, studies
from surefoot.web.server import Guard, Query, explained, refusal

DEFAULT_STUDY = Path("surefoot.db")
STATIC = Path(__file__).with_name("static")
# How often it is looked whether somebody still waits for a long answer.
LOOK_SECONDS = 0.1


def make_app(*, port: int, study: Path = DEFAULT_STUDY) -> Starlette:
    """Return the application.

    Args:
        port: Where it will listen; whoever calls it by another is refused.
        study: The database whose studies are shown; it need not be there yet.
    """
    routes = [
        Route("/", page),
        Route("/api/gallery", _answering(lambda _: descent.gallery())),
        Route("/api/surface", _answering(lambda request: descent.picture(Query(request.query_params)))),
        Route("/api/descent", _while_awaited(balls)),
        Route("/api/plane", _answering(on_plane)),
        Route("/api/workshop", _answering(lambda request: schedule_editor.answer(Query(request.query_params)))),
        Route("/api/studies", _answering(lambda _: studies.studies(study))),
        Route("/api/study", _answering(lambda request: studies.study(study, Query(request.query_params)))),
        Route("/api/curves", _answering(lambda request: studies.curves(study, Query(request.query_params)))),
        Route("/api/live", _live(study)),
        Route("/api/checks", _answering(lambda _: studies.checks(study))),
        Route("/check", lambda request: studies.report(study, Query(request.query_params))),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, port=port)],
        exception_handlers={SurefootError: explained, 404: _nothing_there, 500: _failed},
    )


def page(_request: Request) -> Response:
    """Return the page."""
    return FileResponse(STATIC / "index.html")


def balls(request: Request, stop: Stop) -> dict[str, Any]:
    """Answer where the balls go."""
    asked = request.query_params
    return descent.descent(Query(asked), asked.getlist("recipe"), asked.getlist("turn"), stop=stop)


def on_plane(request: Request) -> dict[str, Any]:
    """Answer how learning rate and momentum do on a surface's quadratic model."""
    query = Query(request.query_params)
    place = descent.Place.of(query)
    method = query.name("method", "heavy-ball", convergence_map.METHODS)
    query.settle()
    return convergence_map.plane(place.surface, place.noise, method)


def _answering(answer: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
    """Return an endpoint; being no coroutine it runs in a thread of its own, and long answers hold up no other."""

    def endpoint(request: Request) -> Response:
        return JSONResponse(answer(request))

    return endpoint


def _while_awaited(answer: Callable[[Request, Stop], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose answer is stopped as soon as nobody waits for it: the page was closed, or asks anew."""

    async def endpoint(request: Request) -> Response:
        left = threading.Event()
        work = asyncio.create_task(run_in_threadpool(answer, request, left.is_set))
        try:
            while not (await asyncio.wait([work], timeout=LOOK_SECONDS))[0]:
                if await request.is_disconnected():
                    left.set()
            return JSONResponse(work.result())
        except Interrupted:
            return Response(status_code=499)  # nobody reads it
        finally:
            left.set()  # the server is being ended

    return endpoint


def _live(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that tells the news of a study, or without one of the database, as they come."""

    async def endpoint(request: Request) -> Response:
        query = Query(request.query_params)
        number = query.whole("id", 1, low=1, high=10**9) if request.query_params.get("id") else None
        query.settle()
        told = studies.news(path, number, gone=request.is_disconnected, wait=asyncio.sleep)
        return StreamingResponse(told, media_type="text/event-stream")

    return endpoint


async def _failed(request: Request, error: Exception) -> Response:
    said = f"{request.url.path[:80]!r} failed, which is a fault of surefoot's own: {type(error).__name__}: {error}"
    return refusal(said, status=500, hint="please report it.")


async def _nothing_there(request: Request, _error: Exception) -> Response:
    return refusal(f"there is nothing at {request.url.path[:80]!r}.", status=404, hint="begin at /.")
