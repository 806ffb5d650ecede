"""A port, a server on it, and a browser in front."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable

from starlette.applications import Starlette

from surefoot.errors import QueryError

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
