"""Who may ask, and what a refusal looks like.

A page anywhere in the world can make a browser ask this machine. It then bears that page's name in its Host header,
even where the name was made to point here (DNS rebinding): whoever does not call us by our own name is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from surefoot.errors import SurefootError
from surefoot.schedules.shown import shown

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAMES = ("localhost", "127.0.0.1", "[::1]")
# Nothing is fetched from elsewhere, whatever a study or a recipe may contain.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def refusal(message: str, *, status: int = 400, hint: str | None = None) -> JSONResponse:
    """Return one clear line as JSON."""
    return JSONResponse({"schema": 1, "error": message, "hint": hint}, status_code=status)


async def explained(_request: Request, error: Exception) -> JSONResponse:
    """Return the refusal for what a user can cause."""
    assert isinstance(error, SurefootError)  # noqa: S101  (it is registered for nothing else)
    return refusal(str(error), hint=error.hint)


class Guard:
    """Lets in who calls this machine by its own name, and sends strict headers along.

    Args:
        app: What is guarded.
        port: Where it listens.
    """

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self.app = app
        self.allowed = tuple(f"{name}:{port}" for name in NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A page that brings its own, stricter or other, policy keeps it.
                headers.update({name: value for name, value in HEADERS.items() if name not in headers})
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        own = len(hosts) == 1 and hosts[0].lower() in self.allowed
        answer = self.app if own else self._refused(hosts)
        await answer(scope, receive, send_strictly)

    def _refused(self, hosts: list[str]) -> JSONResponse:
        given = shown(", ".join(hosts)) if hosts else "nothing"
        hint = f"open http://{self.allowed[0]}/."
        return refusal(f"the Host header is one of {', '.join(self.allowed)}; given {given}. Hint: {hint}", hint=hint)
