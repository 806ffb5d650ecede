"""A run of MLflow's file store: a folder with one text file for each metric and parameter.

A file in ``metrics/`` has lines of "milliseconds value step", one in ``params/`` one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from surefoot.errors import LogError
from surefoot.logs.names import meant
from surefoot.logs.series import Series

METRICS, PARAMETERS, META = "metrics", "params", "meta.yaml"


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run of MLflow."""
    return (folder / META).is_file() and (folder / METRICS).is_dir()


def read_run(folder: Path) -> tuple[dict[str, Series], int]:
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
