"""Compile the training step of a group of members into one program: gradient, clipping and update."""

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

# Attributes that every module has.
_MODULE_INTERNALS = nn.Module().__dict__.keys()


def fingerprint(model: nn.Module) -> Hashable:
    """Return the Python state of a model that a compiled program treats as constant: numbers, tensors, ``training``.

    Two models can share one program if their fingerprints are equal. A model can be compiled only if a call does not
    change its fingerprint.

    Example:
        >>> one, other = nn.Dropout(0.1), nn.Dropout(0.2)
        >>> fingerprint(one) == fingerprint(nn.Dropout(0.1)), fingerprint(one) == fingerprint(other)
        (True, False)
    """
    return tuple(
        (name, type(module), tuple((key, _hashable(value)) for key, value in vars(module).items() if _is_state(key)))
        for name, module in model.named_modules(remove_duplicate=False)
    )


def _is_state(attribute: str) -> bool:
    return attribute not in _MODULE_INTERNALS or attribute == "training"


def _hashable(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return tuple(value.shape), str(value.dtype), tuple(value.detach().flatten().tolist())
    if isinstance(value, Mapping):
        return tuple((str(key), _hashable(each)) for key, each in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return tuple(_hashable(each) for each in value)
    plain = isinstance(value, int | float | complex | str | bytes | type(None))
    return (type(value).__name__, value) if plain else getattr(value, "__qualname__", type(value).__qualname__)


# A function of nested tensors without side effects, apart from tensors that it changes in place.
StepFunction: TypeAlias = Callable[..., Any]

# Compiled programs by key, or why compiling failed. They outlive their fleets: a study creates many fleets of one task
# and one shape.
_PROGRAMS: OrderedDict[Hashable, Program | str] = OrderedDict()
# Maximum number of programs that are kept; chosen: more than the update rules of one study.
MAX_CACHED_PROGRAMS = 16


class CompileError(Exception):
    """The step cannot be compiled; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A compiled function.

    Attributes:
        flat: The function of a flat list of tensors, which returns a list of tensors.
        arguments: Nesting of the arguments.
        result: Nesting of the result.
        draws_random_numbers: Whether it draws random numbers from torch's generators.
    """

    flat: Callable[..., Any]
    arguments: pytree.TreeSpec
    result: pytree.TreeSpec
    draws_random_numbers: bool

    def __call__(self, *arguments: Any) -> Any:
        """Return the function's result; the arguments must have the nesting that was compiled, in any order of keys."""
        with torch.no_grad():
            results = self.flat(*_only_tensors(tree_flatten_spec(arguments, self.arguments)))
            return pytree.tree_unflatten(list(results), self.result)


def compiled_program(
    key: Hashable, step: StepFunction, arguments: tuple[Any, ...], *, state: Callable[[], Hashable]
) -> Program:
    """Return the compiled program of a step, from the cache if one of the same key and shapes was compiled before.

    The step is first traced to torch's own operations, so that no Python code is left that a guard would have to
    watch: it is compiled once for the shapes of its arguments.

    Args:
        key: All that the program depends on, apart from shapes.
        step: The function to compile; it may change buffers, and nothing else.
        arguments: Example arguments; they are not changed.
        state: Returns the model's Python state, whose changes a trace would not record.

    Raises:
        CompileError: If tracing or compiling fails, or the step depends on Python state that changes.
    """
    leaves, nesting = pytree.tree_flatten(arguments)
    if not all(leaf is None or isinstance(leaf, Tensor) for leaf in leaves):
        raise CompileError("a batch holds something else than tensors.")
    full_key = (key, str(nesting), tensor_specs(leaves))
    if full_key not in _PROGRAMS:
        while len(_PROGRAMS) >= MAX_CACHED_PROGRAMS:
            _PROGRAMS.popitem(last=False)
        try:
            _PROGRAMS[full_key] = _compiled(step, leaves, nesting, state)
        except Exception as error:
            _PROGRAMS[full_key] = (
                f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error) else ''}"
            )
    cached = _PROGRAMS[full_key]
    if isinstance(cached, str):
        raise CompileError(cached)
    return cached


def _compiled(
    step: StepFunction, leaves: list[Any], nesting: pytree.TreeSpec, state: Callable[[], Hashable]
) -> Program:
    from torch import _inductor  # noqa: PLC0415  (importing it takes a second)

    results: list[pytree.TreeSpec] = []

    def flat(*tensors: Tensor) -> list[Any]:
        remaining = iter(tensors)
        new_leaves = [next(remaining) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        result_leaves, result_nesting = pytree.tree_flatten(step(*pytree.tree_unflatten(new_leaves, nesting)))
        results.append(result_nesting)
        return result_leaves

    before = _python_state(state)
    options: dict[str, Any] = {"fallback_random": True, "triton.cudagraphs": _on_cuda(leaves)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of compilers and batching rules: calibrate measures what they cost
        graph = make_fx(flat)(*_cloned(leaves))
        if _python_state(state) != before:
            raise CompileError(
                "the model changes Python state or draws from Python's random generators when it is called."
            )
        # Not torch.compile: the guards that it checks at every call cost as much as a small network's products.
        compiled = _inductor.compile(graph, _cloned(leaves), options=options)
        compiled(*_cloned(leaves))
    return Program(compiled, nesting, results[0], _draws_random_numbers(graph))


def _draws_random_numbers(graph: GraphModule) -> bool:
    return any(torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()) for node in graph.graph.nodes)


def _python_state(state: Callable[[], Hashable]) -> Hashable:
    return state(), random.getstate(), str(np.random.get_state())


def _only_tensors(leaves: list[Any]) -> list[Tensor]:
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _cloned(leaves: list[Any]) -> list[Any]:
    return [tensor.clone() for tensor in _only_tensors(leaves)]


def tensor_specs(leaves: list[Any]) -> Hashable:
    """Return shape, stride, dtype and device of all tensors: what a program is compiled for."""
    return tuple((leaf.shape, leaf.stride(), leaf.dtype, str(leaf.device)) for leaf in _only_tensors(leaves))


def _on_cuda(leaves: list[Any]) -> bool:
    return any(tensor.is_cuda for tensor in _only_tensors(leaves))
