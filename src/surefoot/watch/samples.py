"""Samples spread over a whole training, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

MOST = 64


@dataclass(slots=True)
class Samples(Generic[Item]):
    """Samples of which every n-th is kept, so that between half of ``MOST`` and all are there.

    Attributes:
        kept: Those that are, the newest last.
        every: n.
        count: How many there were.

    Example:
        >>> samples = Samples()
        >>> for number in range(100):
        ...     samples.add(number)
        >>> len(samples), [*samples][:3]
        (50, [0, 2, 4])
    """

    kept: list[Item] = field(default_factory=list)
    every: int = 1
    count: int = 0

    def add(self, item: Item) -> None:
        """Take one in, if it is its turn."""
        if self.count % self.every == 0:
            self.kept.append(item)
        self.count += 1
        if len(self.kept) >= MOST:
            self.kept, self.every = self.kept[::2], 2 * self.every

    def clear(self) -> None:
        """Begin anew."""
        self.kept, self.every, self.count = [], 1, 0

    def state(self, plain: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
        """Return it with every sample made plain."""
        return {"kept": [plain(item) for item in self.kept], "every": self.every, "count": self.count}

    def __iter__(self) -> Iterator[Item]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)
