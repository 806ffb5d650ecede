"""What can be watched: the user's arguments, refused in one line where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.core.errors import WatchError, nearest
from surefoot.watch.reaction import REACTIONS


def require_watchable(
    model: object,
    optimizer: object,
    objective: object,
    *,
    tell: object,
    on_finding: object,
    overhead: object,
    writer: object,
) -> None:
    """Refuse what a training cannot be watched with.

    Raises:
        WatchError: All faults at once.
    """
    faults = []
    if not isinstance(model, nn.Module):
        faults.append(f"model must be an nn.Module; given {_said(model)}")
    if not isinstance(optimizer, Optimizer):
        faults.append(f"optimizer must be a torch.optim.Optimizer; given {_said(optimizer)}")
    if not faults and not _shared(model, optimizer):
        faults.append("the optimizer has none of the model's trained parameters")
    if objective is not None and not callable(objective):
        faults.append(f"objective must be a function (model, batch) -> loss; given {_said(objective)}")
    if tell is not None and not callable(tell):
        faults.append(f"tell must be a function that takes a line, or None; given {_said(tell)}")
    if on_finding is not None and not callable(on_finding) and on_finding not in REACTIONS:
        faults.append(f"on_finding must be one of {', '.join(REACTIONS)}, or a function; given {on_finding!r}")
    if overhead is not None and not _is_share(overhead):
        faults.append(f"overhead must be a share of the time above 0 and at most 1, or None; given {overhead!r}")
    if writer is not None and not hasattr(writer, "add_scalar"):
        faults.append(f"writer must have add_scalar, as torch.utils.tensorboard.SummaryWriter; given {_said(writer)}")
    if faults:
        hint = nearest(on_finding, REACTIONS) if isinstance(on_finding, str) else None
        raise WatchError("; ".join(faults) + ".", hint=hint or "Watch(model, optimizer, objective), before the loop.")


def require_loss(loss: object) -> None:
    """Refuse what is no loss.

    Raises:
        WatchError: If it is neither a real number nor a tensor with one.
    """
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex():
        return
    if isinstance(loss, Tensor | bool) or not isinstance(loss, Real):  # NumPy's numbers are real ones as well
        hint = "watch.step(loss, batch): the loss that was derived, before the batch."
        raise WatchError(f"the loss must be a scalar tensor or a number; given {_said(loss)}.", hint=hint)


def require_objective(objective: object) -> None:
    """Refuse a batch with which nothing can be done.

    Raises:
        WatchError: If there is no objective.
    """
    if objective is None:
        raise WatchError(
            "a batch was given, but no objective to measure curvature with.",
            hint="Watch(model, optimizer, objective), where objective(model, batch) returns the loss.",
        )


def require_state(state: object, *, version: int) -> None:
    """Refuse what is no state of a watch.

    Raises:
        WatchError: If it is something else, or of another version.
    """
    given = state.get("version") if isinstance(state, Mapping) else None
    if given != version:
        what = f"version {given!r}" if isinstance(state, Mapping) and "version" in state else _said(state)
        raise WatchError(
            f"a watch's state must be what state_dict() returned, of version {version}; given {what}.",
            hint="without load_state_dict a watch begins anew.",
        )


def damaged_state(error: Exception) -> WatchError:
    """Return the error for a state that lacks a part, or has a wrong one."""
    said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return WatchError(
        f"a watch's state must be what state_dict() returned; this one is damaged ({said}).",
        hint="without load_state_dict a watch begins anew.",
    )


def _shared(model: Any, optimizer: Any) -> bool:
    known = {id(param) for group in optimizer.param_groups for param in group["params"]}
    return any(id(param) in known and param.requires_grad for param in model.parameters())


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value <= 1.0


def _said(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a {'complex ' if value.is_complex() else ''}tensor of shape {[*value.shape]}"
    return repr(value) if isinstance(value, str | int | float) or value is None else f"a {type(value).__name__}"
