"""The play page opened in a browser: what its tests share."""

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
def served(**more):
    """Yield the address of a server in a thread, and what stops it."""
    import uvicorn

    from surefoot.web.app import make_app
    from surefoot.web.server import free_socket

    sock = free_socket(0)
    port = sock.getsockname()[1]
    config = uvicorn.Config(
        make_app(port=port, **more), log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1
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
    finally:  # else the thread would keep a failed test's process from ending
        stop()


def until(page, condition, *, seconds=30.0):
    """Wait for a condition; Playwright's own way would need the page to allow eval."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"{condition} did not come true"
        page.wait_for_timeout(20)


@dataclass
class Player:
    """Opens pages and writes down what they ask for and complain about."""

    browser: Any
    address: str
    contexts: list[Any] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, query: str = "", viewport: dict[str, int] | None = None, **options: Any) -> Any:
        """Open the page, and wait until it is drawn or complains."""
        context = self.browser.new_context(viewport=viewport or DESKTOP, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.goto(self.address + query)
        until(page, f"{DRAWN} > 0 || !document.getElementById('fault').hidden")
        return page

    def after(self, page: Any, act: Callable[[], object]) -> None:
        """Do something and wait until the page has drawn the server's answer to it."""
        before = page.evaluate(DRAWN)
        act()
        until(page, f"{DRAWN} > {before}")

    def state(self, page: Any) -> dict[str, list[str]]:
        """Return what the address says."""
        page.wait_for_timeout(350)  # it is written a moment later
        return parse_qs(urlsplit(page.url).query)

    def axe(self, page: Any) -> list[Any]:
        """Return what axe-core complains about."""
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]

    def close(self) -> None:
        """Close everything; nothing may have complained or left this machine."""
        for context in self.contexts:
            context.close()
        assert all(url.startswith((self.address, "data:")) for url in self.requests)
        assert self.complaints == []
