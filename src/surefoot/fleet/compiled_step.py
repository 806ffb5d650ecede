"""What a model holds beside parameters and buffers: numbers and tensors that a compiled program takes for constants.

One step of a constant number of members as one compiled program: gradient, clipping and update fused.
"""

from __future__ import annotations

import random
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx._pytree import tree_flatten_spec
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

_MACHINERY = nn.Module().__dict__.keys()


def fingerprint(model: nn.Module) -> Hashable:
    """Return what two models must have in common to share one compiled program, or one model before and after a call.

    Example:
        >>> one, other = nn.Dropout(0.1), nn.Dropout(0.2)
        >>> fingerprint(one) == fingerprint(nn.Dropout(0.1)), fingerprint(one) == fingerprint(other)
        (True, False)
    """
    return tuple(
        (name, type(module), tuple((key, _mark(value)) for key, value in vars(module).items() if _counts(key)))
        for name, module in model.named_modules(remove_duplicate=False)
    )


def _counts(attribute: str) -> bool:
    return attribute not in _MACHINERY or attribute == "training"


def _mark(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return tuple(value.shape), str(value.dtype), tuple(value.detach().flatten().tolist())
    if isinstance(value, Mapping):
        return tuple((str(key), _mark(each)) for key, each in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return tuple(_mark(each) for each in value)
    plain = isinstance(value, int | float | complex | str | bytes | type(None))
    return (type(value).__name__, value) if plain else getattr(value, "__qualname__", type(value).__qualname__)


# A pure function of tensors in any nesting, but for tensors that it changes in place.
Function: TypeAlias = Callable[..., Any]

# Programs outlive their fleets: a study makes many fleets of one task, all of one shape.
_MADE: OrderedDict[Hashable, Program | str] = OrderedDict()
MOST = 16


class CompileError(Exception):
    """The step cannot become a program; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A compiled function.

    Attributes:
        flat: Takes the tensors of the arguments one by one, and returns those of the result.
        arguments: The nesting of the arguments.
        result: That of the result.
        draws: Whether it draws random numbers, from torch's generators.
    """

    flat: Callable[..., Any]
    arguments: pytree.TreeSpec
    result: pytree.TreeSpec
    draws: bool

    def __call__(self, *arguments: Any) -> Any:
        """Return the function's result for arguments of the same nesting, whatever the order of keys in them."""
        with torch.no_grad():
            found = self.flat(*_tensors(tree_flatten_spec(arguments, self.arguments)))
            return pytree.tree_unflatten(list(found), self.result)


def program(key: Hashable, step: Function, arguments: tuple[Any, ...], *, state: Callable[[], Hashable]) -> Program:
    """Return the compiled program of a step, made once for a key.

    The step is traced to torch's own operations first, so that nothing of Python is left in it to be guarded: it is
    compiled for the shapes of its arguments and never again.

    Args:
        key: What the program depends on, shapes excepted.
        step: A pure function but for buffers.
        arguments: Examples; they are not changed.
        state: Returns what the model holds in Python, which a trace would not see change.

    Raises:
        CompileError: If tracing or compiling fails, or the step is not the same each time.
    """
    leaves, nesting = pytree.tree_flatten(arguments)
    if not all(leaf is None or isinstance(leaf, Tensor) for leaf in leaves):
        raise CompileError("there is something else than tensors in a batch.")
    whole = (key, str(nesting), shapes_of(leaves))
    if whole not in _MADE:
        while len(_MADE) >= MOST:
            _MADE.popitem(last=False)
        try:
            _MADE[whole] = _compiled(step, leaves, nesting, state)
        except Exception as error:
            _MADE[whole] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error) else ''}"
    made = _MADE[whole]
    if isinstance(made, str):
        raise CompileError(made)
    return made


def _compiled(step: Function, leaves: list[Any], nesting: pytree.TreeSpec, state: Callable[[], Hashable]) -> Program:
    from torch import _inductor  # noqa: PLC0415  (a second)

    results: list[pytree.TreeSpec] = []

    def flat(*tensors: Tensor) -> list[Any]:
        own = iter(tensors)
        given = [next(own) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        found, result = pytree.tree_flatten(step(*pytree.tree_unflatten(given, nesting)))
        results.append(result)
        return found

    before = _python_state(state)
    options: dict[str, Any] = {"fallback_random": True, "triton.cudagraphs": _on_cuda(leaves)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of compilers and batching rules: what it costs is measured
        graph = make_fx(flat)(*_copied(leaves))
        if _python_state(state) != before:
            raise CompileError("the model changes Python state or draws from Python's generators as it runs.")
        # Without torch.compile's checks at every call, which cost as much as the products of a small network.
        compiled = _inductor.compile(graph, _copied(leaves), options=options)
        compiled(*_copied(leaves))
    return Program(compiled, nesting, results[0], _draws(graph))


def _draws(graph: GraphModule) -> bool:
    return any(torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()) for node in graph.graph.nodes)


def _python_state(state: Callable[[], Hashable]) -> Hashable:
    return state(), random.getstate(), str(np.random.get_state())


def _tensors(leaves: list[Any]) -> list[Tensor]:
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _copied(leaves: list[Any]) -> list[Any]:
    return [tensor.clone() for tensor in _tensors(leaves)]


def shapes_of(leaves: list[Any]) -> Hashable:
    """Return all of some tensors that a program depends on but their values."""
    return tuple((leaf.shape, leaf.stride(), leaf.dtype, str(leaf.device)) for leaf in _tensors(leaves))


def _on_cuda(leaves: list[Any]) -> bool:
    return any(tensor.is_cuda for tensor in _tensors(leaves))
