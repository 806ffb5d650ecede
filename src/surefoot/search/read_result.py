"""The result of a study that is done, as it was."""

from __future__ import annotations

from surefoot.errors import StudyError
from surefoot.search.result import SCHEMA, SearchResult, from_json
from surefoot.studies import Study


def read_result(study: Study) -> SearchResult:
    """Return what a study found.

    Raises:
        StudyError: If it is not done yet.
    """
    info = study.info()
    if info.result is None:
        command = info.settings.get("command", "tune")
        raise StudyError(
            f"study {study.name} is {info.status} and has no result yet.",
            hint=f"surefoot {command} --resume {study.name} goes on with it.",
        )
    rows = study.measurements()
    if info.result.get("schema", 1) < SCHEMA:
        from surefoot.search.old_results import read_old_result  # noqa: PLC0415  (few studies are as old)

        return read_old_result(study)
    order = {name: number for number, name in enumerate(info.result["stages"])}
    mine = sorted((row for row in rows if row.stage in order), key=lambda row: order[row.stage])
    return from_json({**info.result, "study": study.name}, tuple(mine))
