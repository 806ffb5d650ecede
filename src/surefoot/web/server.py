"""The server of the play page, for this machine alone: its port, the check of the Host header, and its life.

Any web page can make a browser send requests to this machine. Such a request carries the name of that page in its Host
header, even if that name was made to resolve to this machine (DNS rebinding). So a request is refused unless its Host
header is one of this server's names.
"""

from __future__ import annotations

import errno
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from surefoot.core.errors import QueryError
from surefoot.core.formatting import short_repr

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_ADDRESS = "127.0.0.1"
ALLOWED_HOSTS = ("localhost", LOOPBACK_ADDRESS, "[::1]")
# Ports that are tried, one after the other; chosen.
MAX_PORTS_TRIED = 20
# Binding to a port fails so where another program uses it, or where only root may.
PORT_UNAVAILABLE = (errno.EADDRINUSE, errno.EACCES)
# The page loads nothing from other servers, whatever a study or a recipe may contain.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def free_socket(port: int) -> socket.socket:
    """Return a socket that listens on the loopback address, at ``port`` or the next free one.

    Args:
        port: First port to try; 0 for any that is free.

    Raises:
        QueryError: If none of the ports tried is free.
    """
    end = min(port + MAX_PORTS_TRIED, 65536)
    for number in range(port, end) if port else [0]:
        # With the protocol named as TCP asyncio sets TCP_NODELAY; else an answer's second packet would wait 40 ms.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((LOOPBACK_ADDRESS, number))
            sock.listen(64)
            return sock
        except OSError as error:
            sock.close()
            if error.errno not in PORT_UNAVAILABLE:
                raise
    raise QueryError(
        f"all ports from {port} to {end - 1} are in use.", hint="give another --port, or --port 0 for any free port."
    )


def serve(
    sock: socket.socket, make_app: Callable[[int], Starlette], *, announce: Callable[[str], None], open_browser: bool
) -> None:
    """Serve until interrupted.

    Args:
        sock: Listening socket, of :func:`free_socket`.
        make_app: Returns the application for a port.
        announce: Called with the page's address once the server answers there.
        open_browser: Whether to open the page in the default browser.
    """
    import torch  # noqa: PLC0415  (seconds)
    import uvicorn  # noqa: PLC0415

    torch.set_num_threads(1)  # the tensors are tiny: threads would only wait for each other
    port = sock.getsockname()[1]
    host = "localhost" if _resolves_to_loopback("localhost") else LOOPBACK_ADDRESS
    address = f"http://{host}:{port}/"
    config = uvicorn.Config(
        make_app(port), log_level="critical", access_log=False, timeout_graceful_shutdown=1, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    # From here on Ctrl-C ends the server. Python's own handler could raise KeyboardInterrupt inside a callback, where
    # the exception is lost, and the server would go on.
    previous_handler = signal.signal(signal.SIGINT, server.handle_exit)
    try:
        announce(address)
        if open_browser:
            # The socket already listens: a request that comes early waits.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        server.run(sockets=[sock])
    finally:
        signal.signal(signal.SIGINT, previous_handler)


class HostCheck:
    """ASGI middleware that refuses requests with a foreign Host header, and adds the security headers.

    Args:
        app: The application behind it.
        port: Port on which the server listens.
    """

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self.app = app
        self.allowed_hosts = tuple(f"{name}:{port}" for name in ALLOWED_HOSTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A response with a policy of its own keeps it.
                headers.update({name: value for name, value in SECURITY_HEADERS.items() if name not in headers})
            await send(message)

        hosts = Headers(scope=scope).getlist("host")
        allowed = len(hosts) == 1 and hosts[0].lower() in self.allowed_hosts
        answer = self.app if allowed else self._refusal(hosts)
        await answer(scope, receive, send_with_headers)

    def _refusal(self, hosts: list[str]) -> JSONResponse:
        given = short_repr(", ".join(hosts)) if hosts else "none"
        hint = f"open http://{self.allowed_hosts[0]}/."
        allowed = ", ".join(self.allowed_hosts)
        return error_response(f"the Host header must be one of {allowed}; given {given}. Hint: {hint}", hint=hint)


def error_response(message: str, *, status: int = 400, hint: str | None = None) -> JSONResponse:
    """Return an error as JSON: one line that says what is wrong, and a hint."""
    return JSONResponse({"schema": 1, "error": message, "hint": hint}, status_code=status)


def _resolves_to_loopback(name: str) -> bool:
    """Return whether a host name resolves to the loopback address first; on some machines localhost does not."""
    try:
        return socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0] == LOOPBACK_ADDRESS
    except OSError:
        return False
