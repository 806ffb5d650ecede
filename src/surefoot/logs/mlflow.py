"""A run of MLflow's file store: a folder with one text file for each metric and parameter.

A file in ``metrics/`` has lines of "milliseconds value step", one in ``params/`` one value.

A run in MLflow's SQLite store, where MLflow 3 writes unless told otherwise.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from surefoot.core.errors import LogError
from surefoot.logs.curve import Series
from surefoot.logs.names import listed, meant

METRICS, PARAMETERS, META = "metrics", "params", "meta.yaml"


def is_run_folder(folder: Path) -> bool:
    """Tell whether a folder is a run of MLflow."""
    return (folder / META).is_file() and (folder / METRICS).is_dir()


def read_run_folder(folder: Path) -> tuple[dict[str, Series], int]:
    """Read all metrics of a run, and the parameters that no metric stands for, as a value at step 0.

    Returns:
        The series by name, and how many lines were damaged.

    Raises:
        LogError: If there are no metrics.
    """
    found: dict[str, Series] = {}
    damaged = 0
    for path in _files(folder / METRICS):
        points = []
        for line in _text(path).splitlines():
            try:
                _, value, step = line.split()
                points.append((int(step), float(value)))
            except ValueError:
                damaged += 1
        if points:
            steps, values = zip(*points, strict=True)
            found[_name(path, folder / METRICS)] = Series.counted(np.array(steps, dtype=np.int64), np.array(values))
    if not found:
        raise LogError(f"{folder}: no metrics in it.", hint="log them with mlflow.log_metric.")
    parameters = {_name(path, folder / PARAMETERS): _text(path) for path in _files(folder / PARAMETERS)}
    return with_parameters(found, parameters), damaged


def with_parameters(metrics: Mapping[str, Series], parameters: Mapping[str, str]) -> dict[str, Series]:
    """Return metrics, and the parameters that are numbers and that no metric stands for, as a value at step 0."""
    known = {meant(name) for name in metrics}
    found = dict(metrics)
    for name, value in parameters.items():
        if name not in metrics and meant(name) not in known:
            with suppress(ValueError):  # a parameter that is no number
                found[name] = Series.of([(0, float(value))])
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


NAME = "mlflow.db"
MAGIC = b"SQLite format 3\0"
# MLflow writes an infinite value as the largest number, and says by a column what was no number.
INFINITE = 1.7976931348623157e308


def is_database(path: Path) -> bool:
    """Tell whether a file is a database of SQLite."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_run_database(path: Path, wanted: str | None = None) -> dict[str, Series]:
    """Read all metrics of a run, and the parameters that no metric stands for, as a value at step 0.

    Args:
        path: The database.
        wanted: The run's name or its ID; not needed where there is one run.

    Raises:
        LogError: If it is no database of MLflow, or the run is not in it, or is not named among several.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            run = _chosen(path, _runs(database), wanted)
            points = database.execute(
                "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, step", [run]
            ).fetchall()
            parameters = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", [run]).fetchall())
    except sqlite3.Error as error:
        raise LogError(f"{path}: no database of MLflow ({error}).", hint=f"MLflow's own is called {NAME}.") from error
    by_name: dict[str, list[tuple[int, float]]] = {}
    for name, step, value, is_nan in points:
        by_name.setdefault(name, []).append((step, math.nan if is_nan else _unbounded(value)))
    series = {}
    for name, rows in by_name.items():
        steps, values = zip(*rows, strict=True)
        series[name] = Series.counted(np.array(steps, dtype=np.int64), np.array(values))
    return with_parameters(series, parameters)


def _runs(database: sqlite3.Connection) -> dict[str, str]:
    """Return the runs that logged something and were not deleted: a name for each ID, by which it can be chosen."""
    names = dict(
        database.execute(
            "SELECT run_uuid, name FROM runs WHERE lifecycle_stage = 'active'"
            " AND run_uuid IN (SELECT run_uuid FROM latest_metrics) ORDER BY start_time"
        ).fetchall()
    )
    times = Counter(names.values())
    return {run: name if name and times[name] == 1 else run for run, name in names.items()}


def _chosen(path: Path, runs: dict[str, str], wanted: str | None) -> str:
    """Return the ID of the run that is meant.

    Raises:
        LogError: If there is none, or several and none of them is named.
    """
    if not runs:
        raise LogError(f"{path}: no run with metrics in it.", hint="log them with mlflow.log_metric.")
    found = [run for run, name in runs.items() if wanted in (None, run, name)]
    if len(found) == 1:
        return found[0]
    said = f"{len(runs)} runs in it" if wanted is None else f"no run {wanted!r} in it, but {len(runs)} others"
    raise LogError(
        f"{path}: {said}: {listed(runs.values(), 6)}.", hint=f"give one of them, as {path}/{[*runs.values()][-1]}."
    )


def _unbounded(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= INFINITE else value
