"""The benchmark's tasks: texts that `surefoot tune` takes, so that every contestant trains the same.

Nothing heavy is imported here: the contestant that watches the command is to start it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Entry:
    """A task of the benchmark: its text on surefoot's command line, and the steps of a full training."""

    text: str
    steps: int

    def load_task(self) -> Task:
        from surefoot.tasks.loader import load_task  # noqa: PLC0415

        return load_task(self.text, steps=self.steps)


ENTRIES = {
    "digits": Entry("digits", 220),
    "mnist1d-mlp": Entry("mnist1d", 400),
    "mnist1d-cnn": Entry("benchmarks/tasks.py:mnist1d_cnn", 200),
    "fashion-cnn": Entry("fashion-mnist", 200),
    "char-transformer": Entry("examples/char_transformer.py:task", 100),
    "batchnorm-dropout": Entry("benchmarks/tasks.py:batchnorm_dropout", 300),
    "diabetes": Entry("diabetes", 220),
}
