"""The built-in tasks by name. This module imports no torch, so that help and shell completion stay fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Builtin:
    """A built-in task that is not yet loaded.

    Attributes:
        description: Data and model in a few words.
        module: Name of the module under ``surefoot.tasks.builtin`` that creates the task.
        function: Name of the function in that module that returns the task.
        reads_folder: Whether the data are read from files, whose folder the function takes.
    """

    description: str
    module: str
    function: str
    reads_folder: bool = False

    def load(self, folder: Path | None = None) -> Task:
        """Return the task.

        Args:
            folder: Folder of the data files, for a task that reads them from files.

        Raises:
            DataError: If the data files are missing or damaged.
        """
        make: Any = getattr(importlib.import_module(f"surefoot.tasks.builtin.{self.module}"), self.function)
        task: Task = make(folder) if self.reads_folder else make()
        return task


BUILTINS: Mapping[str, Builtin] = MappingProxyType(
    {
        "digits": Builtin("1,797 handwritten digits of 8×8 pixels; MLP", "scikit_learn", "digits"),
        "mnist1d": Builtin("5,000 generated signals that stand for digits; MLP", "mnist1d", "mnist1d"),
        "fashion-mnist": Builtin(
            "10,000 pictures of clothes, 28×28 pixels; conv net", "fashion_mnist", "fashion_mnist", reads_folder=True
        ),
        "breast-cancer": Builtin(
            "569 tumours, 30 measurements, benign or malignant; MLP", "scikit_learn", "breast_cancer"
        ),
        "diabetes": Builtin("442 patients, 10 measurements, progression a year later; MLP", "scikit_learn", "diabetes"),
        "wine": Builtin("178 wines, 13 measurements, 3 growers; MLP", "scikit_learn", "wine"),
    }
)
