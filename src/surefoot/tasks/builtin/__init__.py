"""The built-in tasks by name, to be listed by help and shell completion: no import of torch here."""

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
        module: Where under ``surefoot.tasks.builtin`` it is made.
        function: Its maker there.
        reads_folder: Whether its data lie in files, whose folder the maker takes.
    """

    description: str
    module: str
    function: str
    reads_folder: bool = False

    def load(self, folder: Path | None = None) -> Task:
        """Return the task; ``folder`` is for those whose data lie in files.

        Raises:
            DataError: If the data's files are absent or broken.
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
