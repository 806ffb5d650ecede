"""The checks of a database: a list, and of each the report that ``surefoot check`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse

from surefoot.studies.check_log import check_heads, check_row
from surefoot.web.database import opened
from surefoot.web.query import Query

# The report is one page whose scripts and styles lie within it. It may fetch nothing, and only our own page frames it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def checks(path: Path) -> dict[str, Any]:
    """Return all checks of a database, the newest first."""
    from surefoot.plots.verdicts import TITLES  # noqa: PLC0415  (a second)

    heads = check_heads(opened(path))
    return {
        "schema": 1,
        "path": path.name,
        "checks": [
            {
                "id": head.id,
                "created": head.created,
                "task": head.task,
                "recipe": head.recipe,
                "verdict": TITLES.get(head.verdict, head.verdict),  # type: ignore[call-overload]  # a newer one is none
            }
            for head in heads
        ],
    }


def report(path: Path, query: Query) -> HTMLResponse:
    """Return the report of one check."""
    from surefoot.checking.record import from_record  # noqa: PLC0415  (seconds)
    from surefoot.reports.check_page import check_html  # noqa: PLC0415

    number = query.whole("id", 1, low=1, high=10**9)
    query.settle()
    row = check_row(opened(path), number)
    page = check_html(from_record(row.result), environment=row.environment, command=row.command)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
