"""The checks in a database: their list, and the report page of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse

from surefoot.studies.check_table import check_summaries, stored_check
from surefoot.web.query import Query
from surefoot.web.studies import open_database, requested_number

# A report contains its scripts and styles. It may load nothing, and only the play page may frame it.
REPORT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def list_checks(path: Path) -> dict[str, Any]:
    """Return all checks in a database, the newest first."""
    from surefoot.wording.verdicts import VERDICT_TITLES  # noqa: PLC0415  (a second)

    summaries = check_summaries(open_database(path))
    return {
        "schema": 1,
        "path": path.name,
        "checks": [
            {
                "id": summary.id,
                "created": summary.created,
                "task": summary.task,
                "recipe": summary.recipe,
                # A newer version may have written a verdict that this one does not know.
                "verdict": VERDICT_TITLES.get(summary.verdict, summary.verdict),  # type: ignore[call-overload]
            }
            for summary in summaries
        ],
    }


def report_page(path: Path, query: Query) -> HTMLResponse:
    """Return the report of one check, as ``surefoot check`` writes it."""
    from surefoot.checking.result import from_record  # noqa: PLC0415  (seconds)
    from surefoot.reports.check_page import check_html  # noqa: PLC0415

    number = requested_number(query)
    query.raise_if_invalid()
    check = stored_check(open_database(path), number)
    page = check_html(from_record(check.result), environment=check.environment, command=check.command)
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_SECURITY_POLICY})
