"""Start a task's model from a checkpoint, and load a state that includes non-persistent buffers."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from surefoot.core.errors import TaskError
from surefoot.tasks.task import Task


def load_full_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load parameters and buffers into a model, buffers with ``persistent=False`` included.

    ``load_state_dict`` rejects these buffers, although a training may change them.

    Args:
        model: The model, which is changed.
        state: Tensors by name; a non-persistent buffer that is not among them keeps its value.

    Raises:
        RuntimeError: If the state belongs to another model.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> model.register_buffer("count", torch.zeros(()), persistent=False)
        >>> load_full_state(model, {**model.state_dict(), "count": torch.tensor(3.0)})
        >>> model.count
        tensor(3.)
    """
    persistent = model.state_dict().keys()
    other_buffers = {name: buffer for name, buffer in model.named_buffers() if name not in persistent}
    model.load_state_dict({name: value for name, value in state.items() if name not in other_buffers})
    with torch.no_grad():
        for name, buffer in other_buffers.items():
            if name in state:
                buffer.copy_(state[name])


# Keys under which training programs store a model's state_dict in a checkpoint.
STATE_DICT_KEYS = ("model_state_dict", "state_dict", "model")
# Prefixes that Lightning, DataParallel and torch.compile put before the names of a model's parameters.
PARAMETER_PREFIXES = (
    "",
    "model.",
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model._orig_mod.",
)


def start_from_checkpoint(task: Task, path: Path | str) -> Task:
    """Return a task whose every training starts from the weights of a checkpoint.

    The file holds a ``state_dict`` saved by ``torch.save`` or as safetensors, or a checkpoint with one under a usual
    key (Lightning's, the PyTorch tutorial's). Only the weights are used, not the optimizer's state. Nothing but
    tensors and plain data is unpickled.

    Args:
        task: The task.
        path: The checkpoint.

    Raises:
        TaskError: If the file cannot be read, or belongs to another model.
    """
    file = Path(path)
    weights = _match_names(task, _find_state_dict(_read_checkpoint(file), file), file)

    def model() -> nn.Module:
        new: nn.Module = task.model()
        new.load_state_dict(weights)
        return new

    return replace(task, model=model)


def _read_checkpoint(file: Path) -> Any:
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that it then rejects
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TaskError(f"there is no checkpoint {str(file)!r}.") from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise TaskError(
            f"{file} cannot be read as a checkpoint.", hint="torch.save(model.state_dict(), ...)"
        ) from error
    except (pickle.UnpicklingError, LookupError, AttributeError, TypeError) as error:  # of bytes that are not a pickle
        raise TaskError(
            f"{file} is not a checkpoint, or holds more than tensors and plain data, which could run any program.",
            hint="torch.save(model.state_dict(), ...) saves the weights alone.",
        ) from error


def _find_state_dict(content: Any, file: Path) -> Mapping[str, Tensor]:
    for name in STATE_DICT_KEYS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not (isinstance(content, Mapping) and content and all(isinstance(value, Tensor) for value in content.values())):
        raise TaskError(
            f"{file} holds no weights of a model.",
            hint=f"it must be a state_dict, or hold one under {', '.join(STATE_DICT_KEYS)}.",
        )
    return content


def _match_names(task: Task, weights: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Return the weights under the names that the task's model has for them."""
    expected = task.new_model().state_dict()
    for prefix in PARAMETER_PREFIXES:
        renamed = {name.removeprefix(prefix): value for name, value in weights.items()}
        if renamed.keys() == expected.keys():
            break
    else:
        missing = sorted(expected.keys() - weights.keys()) or sorted(weights.keys() - expected.keys())
        raise TaskError(f"{file} belongs to another model than task {task.name!r}: only one of them has {missing[0]}.")
    for name, value in renamed.items():
        if value.shape != expected[name].shape:
            raise TaskError(
                f"{file} belongs to another model than task {task.name!r}: {name} has shape {list(value.shape)}, "
                f"in the task {list(expected[name].shape)}."
            )
    return renamed
