"""The data files that come with scikit-learn, read without importing it: that takes longer than to train on them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import DataError


def bundled(name: str, *, delimiter: str | None = ",", header: int = 0) -> NDArray[np.float64]:
    """Return the numbers in a data file of scikit-learn's.

    Args:
        name: The file, as ``wine_data.csv``.
        delimiter: Between its columns; ``None`` for spaces.
        header: Lines before the numbers.

    Raises:
        DataError: If scikit-learn is not installed, or has no such file.

    Example:
        >>> bundled("wine_data.csv", header=1).shape
        (178, 14)
    """
    spec = find_spec("sklearn")
    folders = [] if spec is None else spec.submodule_search_locations or []
    path = next((file for folder in folders if (file := Path(folder, "datasets", "data", name)).exists()), None)
    if path is None:
        raise DataError(f"scikit-learn's file {name} is not there.", hint="pip install scikit-learn.")
    return np.loadtxt(path, delimiter=delimiter, skiprows=header)
