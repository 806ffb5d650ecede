"""Trees of tensors: tuples, lists and dicts, nested at will, as batches and whole data sets are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with the path that leads to it.

    Example:
        >>> list(leaves({"text": (1, 2), "label": 3}))
        [("['text'][0]", 1), ("['text'][1]", 2), ("['label']", 3)]
    """
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from leaves(branch, f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for place, branch in enumerate(tree):
            yield from leaves(branch, f"{path}[{place}]")
    else:
        yield path, tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of the same form with ``function`` of every leaf; any mapping becomes a dict.

    Example:
        >>> map_leaves(lambda leaf: leaf + 1, {"a": (1, [2])})
        {'a': (2, [3])}
    """
    if isinstance(tree, Mapping):
        return {key: map_leaves(function, branch) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_leaves(function, branch) for branch in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(map_leaves(function, branch) for branch in tree)
    return function(tree)


def tensors(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors among the leaves."""
    return (leaf for _, leaf in leaves(tree) if isinstance(leaf, Tensor))


def double(tree: Any) -> Any:
    """Return the tree with its floating-point tensors in float64; everything else stays as it is."""

    def widened(leaf: Any) -> Any:
        return leaf.double() if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf

    return map_leaves(widened, tree)
