"""What a study ran on, so that it can be understood years later."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from surefoot.core.values import Json

_PACKAGES = ("surefoot", "torch", "numpy", "scipy", "scikit-learn", "sqlalchemy")


def environment() -> dict[str, Json]:
    """Return versions, processor and operating system as JSON data."""
    versions: dict[str, Json] = {name: _version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        "packages": versions,
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
