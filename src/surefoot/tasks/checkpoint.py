"""A model's whole state: its ``state_dict``, and the buffers that a ``state_dict`` leaves out.

A task whose model starts from a checkpoint instead of afresh.
"""

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


def load_whole_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a model the parameters and buffers of a state, those with ``persistent=False`` included.

    ``load_state_dict`` refuses these, although a training may change them.

    Args:
        model: What is changed.
        state: By name; non-persistent buffers that it lacks stay as they are.

    Raises:
        RuntimeError: If the state is of another model.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> model.register_buffer("count", torch.zeros(()), persistent=False)
        >>> load_whole_state(model, {**model.state_dict(), "count": torch.tensor(3.0)})
        >>> model.count
        tensor(3.)
    """
    kept = model.state_dict().keys()
    left_out = {name: buffer for name, buffer in model.named_buffers() if name not in kept}
    model.load_state_dict({name: value for name, value in state.items() if name not in left_out})
    with torch.no_grad():
        for name, buffer in left_out.items():
            if name in state:
                buffer.copy_(state[name])


# Under these names training programs keep a model's weights in their checkpoints.
NAMES = ("model_state_dict", "state_dict", "model")
# Lightning and wrappers put the name of the model before those of its weights.
PREFIXES = ("", "model.", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model._orig_mod.")


def starting_from(task: Task, path: Path | str) -> Task:
    """Return a task whose every training starts from the weights of a checkpoint.

    Read are a ``state_dict`` saved by ``torch.save`` or as safetensors, and checkpoints that hold one under a usual
    name (Lightning's, the PyTorch tutorial's). Only the weights are taken, not the optimizer's state. Nothing but
    tensors and plain data is unpickled.

    Raises:
        TaskError: If it cannot be read, or is of another model.
    """
    file = Path(path)
    weights = _fitting(task, _weights(_read(file), file), file)

    def model() -> nn.Module:
        made: nn.Module = task.model()
        made.load_state_dict(weights)
        return made

    return replace(task, model=model)


def _read(file: Path) -> Any:
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that it then refuses
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TaskError(f"there is no checkpoint {str(file)!r}.") from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise TaskError(
            f"{file} cannot be read as a checkpoint.", hint="torch.save(model.state_dict(), ...)"
        ) from error
    except (pickle.UnpicklingError, LookupError, AttributeError, TypeError) as error:  # of bytes that are no pickle
        raise TaskError(
            f"{file} is no checkpoint, or holds more than tensors and plain data: such a pickle could run any program.",
            hint="torch.save(model.state_dict(), ...) saves the weights alone.",
        ) from error


def _weights(found: Any, file: Path) -> Mapping[str, Tensor]:
    for name in NAMES:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    if not isinstance(found, Mapping) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise TaskError(
            f"{file} holds no model's weights.", hint=f"a state_dict, or one under {', '.join(NAMES)}, is looked for."
        )
    return found


def _fitting(task: Task, weights: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """Return the weights by the model's own names."""
    wanted = task.new_model().state_dict()
    for prefix in PREFIXES:
        found = {name.removeprefix(prefix): value for name, value in weights.items()}
        if found.keys() == wanted.keys():
            break
    else:
        missing = sorted(wanted.keys() - weights.keys()) or sorted(weights.keys() - wanted.keys())
        raise TaskError(f"{file} is of another model than task {task.name!r}: {missing[0]} is not in both.")
    for name, value in found.items():
        if value.shape != wanted[name].shape:
            raise TaskError(
                f"{file} is of another model than task {task.name!r}: {name} has shape {list(value.shape)}, "
                f"the task's {list(wanted[name].shape)}."
            )
    return found
