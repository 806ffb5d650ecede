"""Shared by the browser tests: a server in a thread, and pages opened in a browser."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

AXE = Path(__file__).with_name("assets") / "axe.min.js"
DESKTOP = {"width": 1280, "height": 900}
DRAWN = "Number(document.documentElement.dataset.drawn ?? 0)"


@contextmanager
def served(study=Path("surefoot.db")):
    """Yield the address of a server in a thread, and a function that stops it."""
    import uvicorn

    from surefoot.web.app import make_app
    from surefoot.web.server import free_socket

    sock = free_socket(0)
    port = sock.getsockname()[1]
    config = uvicorn.Config(
        make_app(port=port, study=study), log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()

    def stop():
        server.should_exit = True
        thread.join()
        sock.close()

    try:
        yield f"http://127.0.0.1:{port}/", stop
    finally:  # the thread would keep the process of a failed test alive
        stop()


def until(page, condition, *, seconds=30.0):
    """Wait for a JavaScript condition; Playwright's wait_for_function needs eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"{condition} did not come true"
        page.wait_for_timeout(20)


@dataclass
class Player:
    """Opens pages; records their requests, errors and warnings."""

    browser: Any
    address: str
    contexts: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, query: str = "", viewport: dict[str, int] | None = None, **options: Any) -> Any:
        """Open the page, and wait until it is drawn or shows an error."""
        context = self.browser.new_context(viewport=viewport or DESKTOP, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.goto(self.address + query)
        until(page, f"{DRAWN} > 0 || !document.getElementById('error').hidden")
        return page

    def after(self, page: Any, act: Callable[[], object]) -> None:
        """Act, and wait until the page has drawn the server's answer."""
        before = page.evaluate(DRAWN)
        act()
        until(page, f"{DRAWN} > {before}")

    def state(self, page: Any) -> dict[str, list[str]]:
        """Return the query parameters of the address."""
        page.wait_for_timeout(350)  # it is written with a delay
        return parse_qs(urlsplit(page.url).query)

    def axe(self, page: Any) -> list[Any]:
        """Return the accessibility violations that axe-core finds."""
        page.evaluate(AXE.read_text())
        violations = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]

    def close(self) -> None:
        """Close all pages; fail if one had an error or sent a request to another server."""
        for context in self.contexts:
            context.close()
        assert all(url.startswith((self.address, "data:")) for url in self.requests)
        assert self.errors == []
