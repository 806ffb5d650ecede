"""Data files: JSON, written whole or not at all, one entry a line; what is not finite is null."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from surefoot.core.files import atomic_path

PACKAGES = (
    "surefoot", "torch", "numpy", "optuna", "torch-lr-finder", "lightning", "prodigyopt", "schedulefree",
    "runmedic", "training-doctor", "sk-autod",
)  # fmt: skip


def read(path: Path, default: Any = None) -> Any:
    return json.loads(path.read_text()) if path.exists() else default


def write(path: Path, data: dict[str, Any]) -> None:
    """Write an object whose lists of objects have one line an item: a diff then shows what was measured anew."""
    parts = [f"{json.dumps(key)}: {_value(value)}" for key, value in data.items()]
    with atomic_path(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def numbers(values: Iterable[float]) -> list[float | None]:
    """Return numbers for a data file: six digits, null for a loss that diverged."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in map(float, values)]


def losses(values: Iterable[float | None]) -> list[float]:
    """Return what :func:`numbers` wrote as losses."""
    return [math.inf if value is None else value for value in values]


def surroundings() -> dict[str, Any]:
    """Return machine, date and versions, as they stand beside every figure."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return (
            "[\n" + ",\n".join("  " + json.dumps(item, allow_nan=False, ensure_ascii=False) for item in value) + "\n]"
        )
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    named = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
