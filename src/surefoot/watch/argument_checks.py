"""Checks of the arguments that the user gives to a watch; wrong ones raise an error of one line."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.core.errors import WatchError, did_you_mean
from surefoot.watch.hysteresis_and_reaction import REACTIONS


def require_watchable(
    model: object,
    optimizer: object,
    objective: object,
    *,
    print_fn: object,
    on_finding: object,
    overhead: object,
    writer: object,
) -> None:
    """Raise if a training cannot be watched with these arguments of :class:`surefoot.Watch`.

    Raises:
        WatchError: If any are wrong; the message names all of them.
    """
    faults = []
    if not isinstance(model, nn.Module):
        faults.append(f"model must be an nn.Module; given {_described(model)}")
    if not isinstance(optimizer, Optimizer):
        faults.append(f"optimizer must be a torch.optim.Optimizer; given {_described(optimizer)}")
    if not faults and not _share_parameters(model, optimizer):
        faults.append("the optimizer has none of the model's trained parameters")
    if objective is not None and not callable(objective):
        faults.append(f"objective must be a function (model, batch) -> loss; given {_described(objective)}")
    if print_fn is not None and not callable(print_fn):
        faults.append(f"print_fn must be a function that takes a line, or None; given {_described(print_fn)}")
    if on_finding is not None and not callable(on_finding) and on_finding not in REACTIONS:
        faults.append(f"on_finding must be one of {', '.join(REACTIONS)}, or a function; given {on_finding!r}")
    if overhead is not None and not _is_share(overhead):
        faults.append(f"overhead must be a share of the time above 0 and at most 1, or None; given {overhead!r}")
    if writer is not None and not hasattr(writer, "add_scalar"):
        faults.append(
            f"writer must have add_scalar, as torch.utils.tensorboard.SummaryWriter has; given {_described(writer)}"
        )
    if faults:
        hint = did_you_mean(on_finding, REACTIONS) if isinstance(on_finding, str) else None
        raise WatchError("; ".join(faults) + ".", hint=hint or "Watch(model, optimizer, objective), before the loop.")


def require_loss(loss: object) -> None:
    """Raise if a loss is not a scalar.

    Raises:
        WatchError: If it is neither a real number nor a tensor with one.
    """
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex():
        return
    if isinstance(loss, Tensor | bool) or not isinstance(loss, Real):  # NumPy's numbers are registered as real
        hint = "watch.step(loss, batch): first the loss that backward() was called on, then the batch."
        raise WatchError(f"the loss must be a scalar tensor or a number; given {_described(loss)}.", hint=hint)


def require_objective(objective: object) -> None:
    """Raise if a batch is given where there is no objective.

    Raises:
        WatchError: If there is no objective.
    """
    if objective is None:
        raise WatchError(
            "a batch was given, but no objective to measure curvature with.",
            hint="Watch(model, optimizer, objective), where objective(model, batch) returns the loss.",
        )


def require_state(state: object, *, version: int) -> None:
    """Raise if a state is not that of a watch.

    Raises:
        WatchError: If it is something else, or of another version.
    """
    given = state.get("version") if isinstance(state, Mapping) else None
    if given != version:
        is_versioned = isinstance(state, Mapping) and "version" in state
        description = f"version {given!r}" if is_versioned else _described(state)
        raise WatchError(
            f"the state of a watch must be what state_dict() returned, of version {version}; given {description}.",
            hint="without load_state_dict a watch begins anew.",
        )


def damaged_state(error: Exception) -> WatchError:
    """Return the error for a state that lacks a part, or in which a part is wrong."""
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return WatchError(
        f"the state of a watch must be what state_dict() returned; this one is damaged ({reason}).",
        hint="without load_state_dict a watch begins anew.",
    )


def _share_parameters(model: Any, optimizer: Any) -> bool:
    in_optimizer = {id(param) for group in optimizer.param_groups for param in group["params"]}
    return any(id(param) in in_optimizer and param.requires_grad for param in model.parameters())


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value <= 1.0


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a {'complex ' if value.is_complex() else ''}tensor of shape {[*value.shape]}"
    return repr(value) if isinstance(value, str | int | float) or value is None else f"a {type(value).__name__}"
