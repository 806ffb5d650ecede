"""The web application of the play page: which function answers which path."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from surefoot.core.errors import SurefootError
from surefoot.core.progress import Interrupted, StopCondition
from surefoot.web import descent, schedule_editor, studies, surface_maps
from surefoot.web.query_parameters import Query
from surefoot.web.server import HostCheck, error_response

STATIC_FOLDER = Path(__file__).with_name("static")
# How often a long computation asks whether the browser still waits for it; seconds, chosen.
DISCONNECT_POLL_SECONDS = 0.1
# nginx's status code for a request that the client closed; nobody reads it.
CLIENT_CLOSED_REQUEST = 499

Answer: TypeAlias = Callable[[Query], dict[str, Any]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def make_app(*, port: int, study: Path) -> Starlette:
    """Return the application.

    Args:
        port: Port on which it will be served; requests whose Host header has another are refused.
        study: Database whose studies and checks are shown; it need not exist yet.
    """
    routes = [
        Route("/", _page),
        Route("/api/choices", _json(lambda _: descent.choices())),
        Route("/api/surface", _json(surface_maps.surface_data)),
        Route("/api/descent", _cancellable_json(_descents)),
        Route("/api/convergence", _json(surface_maps.map_data)),
        Route("/api/schedule", _json(schedule_editor.schedule_data)),
        Route("/api/studies", _json(lambda _: studies.list_studies(study))),
        Route("/api/study", _json(lambda query: studies.study_data(study, query))),
        Route("/api/curves", _json(lambda query: studies.study_learning_curves(study, query))),
        Route("/api/live", _live_updates(study)),
        Route("/api/checks", _json(lambda _: studies.list_checks(study))),
        Route("/check", lambda request: studies.report_page(study, Query(request.query_params))),
        Mount("/static", StaticFiles(directory=STATIC_FOLDER)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(HostCheck, port=port)],
        exception_handlers={SurefootError: _user_error, 404: _not_found, 500: _internal_error},
    )


def _page(_request: Request) -> Response:
    return FileResponse(STATIC_FOLDER / "index.html")


def _descents(request: Request, stop: StopCondition) -> dict[str, Any]:
    parameters = request.query_params
    return descent.descents(
        Query(parameters), parameters.getlist("recipe"), changes=parameters.getlist("change"), stop=stop
    )


def _json(answer: Answer) -> Callable[[Request], Response]:
    """Return an endpoint that answers with JSON; as it is no coroutine, Starlette runs it in a thread of its own."""

    def endpoint(request: Request) -> Response:
        return JSONResponse(answer(Query(request.query_params)))

    return endpoint


def _cancellable_json(answer: Callable[[Request, StopCondition], dict[str, Any]]) -> Endpoint:
    """Return an endpoint whose computation stops as soon as the browser no longer waits for it."""

    async def endpoint(request: Request) -> Response:
        disconnected = threading.Event()
        work = asyncio.create_task(run_in_threadpool(answer, request, disconnected.is_set))
        try:
            while not (await asyncio.wait([work], timeout=DISCONNECT_POLL_SECONDS))[0]:
                if await request.is_disconnected():
                    disconnected.set()
            return JSONResponse(work.result())
        except Interrupted:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        finally:
            disconnected.set()  # the server may be shutting down

    return endpoint


def _live_updates(path: Path) -> Endpoint:
    """Return the endpoint that streams an event whenever a study changes or, without an id, the database."""

    async def endpoint(request: Request) -> Response:
        query = Query(request.query_params)
        number = studies.requested_number(query) if request.query_params.get("id") else None
        query.raise_if_invalid()
        events = studies.version_events(path, number, disconnected=request.is_disconnected, sleep=asyncio.sleep)
        return StreamingResponse(events, media_type="text/event-stream")

    return endpoint


async def _user_error(_request: Request, error: Exception) -> Response:
    return error_response(str(error), hint=getattr(error, "hint", None))


async def _not_found(request: Request, _error: Exception) -> Response:
    return error_response(f"{request.url.path[:80]!r} does not exist.", status=404, hint="the page is at /.")


async def _internal_error(request: Request, error: Exception) -> Response:
    cause = f"{type(error).__name__}: {error}"
    message = f"{request.url.path[:80]!r} failed through a bug in surefoot: {cause}"
    return error_response(message, status=500, hint="please report it.")
