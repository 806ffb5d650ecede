"""One step of a constant number of members as one compiled program: gradient, clipping and update fused."""

from __future__ import annotations

import random
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

# (params, buffers, slots, hyper, clip, frozen, batch) -> (params, slots, losses); buffers change in place.
Program: TypeAlias = Callable[..., Any]

# Programs outlive their fleets: a study makes many fleets of one task, all of one shape.
_MADE: OrderedDict[Hashable, Program | str] = OrderedDict()
MOST = 16


class CompileError(Exception):
    """The step cannot become a program; the message says why."""


def program(key: Hashable, step: Program, arguments: tuple[Any, ...], *, state: Callable[[], Hashable]) -> Program:
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
    whole = (key, _shapes(arguments))
    if whole not in _MADE:
        while len(_MADE) >= MOST:
            _MADE.popitem(last=False)
        try:
            _MADE[whole] = _compiled(step, arguments, state)
        except Exception as error:
            _MADE[whole] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error) else ''}"
    made = _MADE[whole]
    if isinstance(made, str):
        raise CompileError(made)
    return made


def _compiled(step: Program, arguments: tuple[Any, ...], state: Callable[[], Hashable]) -> Program:
    before = _python_state(state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of compilers and batching rules: what it costs is measured
        with torch.no_grad():
            graph = make_fx(step)(*_copied(arguments))
            if _python_state(state) != before:
                raise CompileError("the model changes Python state or draws from Python's generators as it runs.")
            options: dict[str, Any] = {"fallback_random": True, "triton.cudagraphs": _on_cuda(arguments)}
            compiled = torch.compile(graph, dynamic=False, fullgraph=True, options=options)
            compiled(*_copied(arguments))

    def quiet(*own: Any) -> Any:
        with torch.no_grad():
            return compiled(*own)

    return quiet


def _python_state(state: Callable[[], Hashable]) -> Hashable:
    return state(), random.getstate(), str(np.random.get_state())


def _copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return pytree.tree_map_only(Tensor, torch.clone, arguments)  # type: ignore[no-any-return]


def _shapes(arguments: tuple[Any, ...]) -> Hashable:
    leaves, form = pytree.tree_flatten(arguments)
    return str(form), tuple((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves)


def _on_cuda(arguments: tuple[Any, ...]) -> bool:
    return any(isinstance(leaf, Tensor) and leaf.is_cuda for leaf in pytree.tree_leaves(arguments))
