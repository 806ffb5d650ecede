"""A study that is done -> its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from surefoot.errors import StudyError
from surefoot.search.old_results import old_result
from surefoot.search.result import SCHEMA, SearchResult, from_json
from surefoot.studies.measurement import Measurement
from surefoot.studies.study import Study, StudyInfo

# The commands whose studies have a result to read.
SEARCHES = ("tune", "find")


def read_result(study: Study) -> SearchResult:
    """Return the result of a study that is done, also of one that version 0.1 finished.

    Raises:
        StudyError: If it is not done.
    """
    info = study.info()
    if info.settings.get("command") == "check":
        raise StudyError(f"study {study.name} is one of surefoot check.", hint=f"surefoot check --resume {study.name}")
    if info.status != "done" or info.result is None:
        command = info.settings.get("command", "tune")
        raise StudyError(
            f"study {study.name} is {info.status}, not done.",
            hint=f"go on with: surefoot {command} --resume {study.name}",
        )
    # The database may have been moved since.
    return replace(result_of(info, study.measurements()), study=study.name)


def result_of(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return the result that a study has kept.

    Raises:
        StudyError: If it has none.
    """
    if info.result is not None and info.result.get("schema") == SCHEMA:
        # A search that went on with a larger budget need not have asked for all that was recorded before.
        order = {name: number for number, name in enumerate(info.result.get("stages", ()))}
        mine = [row for row in measurements if row.stage in order] if order else [*measurements]
        return from_json(info.result, tuple(sorted(mine, key=lambda row: order.get(row.stage, 0))))
    return old_result(info, measurements)
