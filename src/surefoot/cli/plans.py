"""The plan of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.errors import StudyError

if TYPE_CHECKING:
    from surefoot.fleet.plan import Plan


def read_plan(path: Path | None) -> Plan | None:
    """Return the plan recorded in a file: a plan by itself, or any JSON output that has one.

    Raises:
        StudyError: If there is none in it.
    """
    if path is None:
        return None
    from surefoot.fleet.plan import Plan

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "it is not JSON"
        raise StudyError(f"cannot read the plan {str(path)!r}: {cause}.", hint="give the output of --json.") from None
    return Plan.from_json(data.get("plan", data) if isinstance(data, dict) else data)
