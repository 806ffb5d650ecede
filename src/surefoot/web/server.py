"""The numbers and names in an address: each is bounded, and all that is wrong is said at once.

Who may ask, and what a refusal looks like.

A page anywhere in the world can make a browser ask this machine. It then bears that page's name in its Host header,
even where the name was made to point here (DNS rebinding): whoever does not call us by our own name is refused.

A port, a server on it, and a browser in front.
"""

from __future__ import annotations

import errno
import math
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from surefoot.core.errors import QueryError, SurefootError
from surefoot.core.formatting import shown

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Default = TypeVar("Default", float, None)


class Query:
    """What was asked; read it with the methods, then :meth:`settle`.

    Args:
        given: Names and texts.

    Example:
        >>> query = Query({"steps": "1e9", "seed": "x"})
        >>> query.whole("steps", 200, low=1, high=100), query.whole("seed", 0, low=0, high=9)
        (200, 0)
        >>> query.settle()
        Traceback (most recent call last):
        surefoot.core.errors.QueryError: steps is a whole number from 1 to 100, given '1e9'; seed is a whole number ...
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._faults: list[str] = []

    def number(self, name: str, default: Default, *, low: float, high: float) -> float | Default:
        """Return a number from ``low`` to ``high``, or the default where it is not given."""
        text = self._given.get(name)
        if text is None:
            return default
        value = _float(text)
        if low <= value <= high:
            return value
        self._faults.append(f"{name} is a number from {low:g} to {high:g}, given {shown(text)}")
        return default

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        text = self._given.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdecimal() and len(text) < 12 and low <= int(text) <= high:
            return int(text)
        self._faults.append(f"{name} is a whole number from {low} to {high}, given {shown(text)}")
        return default

    def name(self, name: str, default: str, known: Collection[str]) -> str:
        """Return one of some known names."""
        text = self._given.get(name, default)
        if text in known:
            return text
        self._faults.append(f"{name} is one of {', '.join(known)}, given {shown(text)}")
        return default

    def text(self, name: str, default: str, *, longest: int) -> str:
        """Return a text that is not too long."""
        text = self._given.get(name, default)
        if len(text) <= longest:
            return text
        self._faults.append(f"{name} has at most {longest} characters, given {len(text)}")
        return default

    def place(self, name: str, *, dimensions: int, largest: float) -> tuple[float, ...] | None:
        """Return numbers joined by commas, ``None`` where they are not given."""
        text = self._given.get(name)
        if text is None:
            return None
        values = tuple(map(_float, text.split(",", dimensions)))
        if len(values) == dimensions and all(abs(value) <= largest for value in values):
            return values
        self._faults.append(f"{name} is {dimensions} numbers up to {largest:g}, given {shown(text)}")
        return None

    def settle(self) -> None:
        """Refuse a query in which anything is wrong.

        Raises:
            QueryError: All of it, in one line.
        """
        if self._faults:
            raise QueryError(f"{'; '.join(self._faults)}.")


def _float(text: str) -> float:
    try:
        return float(text) if len(text) < 40 else math.nan
    except ValueError:
        return math.nan


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


HOST = "127.0.0.1"
# So many ports are tried, one after the other.
TRIES = 20
IN_USE = (errno.EADDRINUSE, errno.EACCES)


def free_socket(port: int) -> socket.socket:
    """Return a listening socket on this machine alone, at ``port`` or the next one that is free.

    Args:
        port: 0 for any that is free.

    Raises:
        QueryError: If none of them is.
    """
    last = min(port + TRIES, 65536)
    for number in range(port, last) if port else [0]:
        # Named as TCP, so that asyncio sends at once what is written: else answers wait 40 ms for their second half.
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((HOST, number))
            found.listen(64)
            return found
        except OSError as error:
            found.close()
            if error.errno not in IN_USE:
                raise
    raise QueryError(f"the ports {port} to {last - 1} are all taken.", hint="give another --port, or 0 for any.")


def serve(sock: socket.socket, make: Callable[[int], Starlette], *, say: Callable[[str], None], browse: bool) -> None:
    """Serve until it is interrupted.

    Args:
        sock: Where.
        make: From the port to the application.
        say: What is told the address, once it can be asked.
        browse: Whether a browser is opened.
    """
    import torch  # noqa: PLC0415  (seconds)
    import uvicorn  # noqa: PLC0415

    torch.set_num_threads(1)  # the tensors are tiny: several threads would only wait for each other
    port = sock.getsockname()[1]
    address = f"http://localhost:{port}/" if _is_here("localhost") else f"http://{HOST}:{port}/"
    config = uvicorn.Config(
        make(port), log_level="critical", access_log=False, timeout_graceful_shutdown=1, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    # From now on Ctrl-C ends it. Python's own handler would raise wherever the program stands, even where an exception
    # cannot leave, and then nothing would ever end it.
    before = signal.signal(signal.SIGINT, server.handle_exit)
    try:
        say(address)
        if browse:
            # The socket listens already: whoever comes early waits for a moment.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server.run(sockets=[sock])
    finally:
        signal.signal(signal.SIGINT, before)


def _is_here(name: str) -> bool:
    """Tell whether a name means this address first; on some machines localhost is another one."""
    try:
        return socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0] == HOST
    except OSError:
        return False
