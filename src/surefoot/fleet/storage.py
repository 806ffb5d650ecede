"""A fleet's whole state in one safetensors file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from surefoot.errors import StudyError
from surefoot.files import atomic_path

SCHEMA = 1
_KEY = "surefoot"


def write_state(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write tensors and what there is to say about them, whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
        try:
            save_file(plain, temporary, metadata={_KEY: json.dumps({"schema": SCHEMA} | about)})
        except SafetensorError as error:  # such as a full disk, which it does not report as an OSError
            raise OSError(str(error)) from None


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what :func:`write_state` wrote.

    Raises:
        StudyError: If the file is missing, damaged or of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            if about["schema"] != SCHEMA:
                raise ValueError(f"it is of version {about['schema']!r}, this surefoot reads {SCHEMA}")
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        cause = "it is no fleet's state" if isinstance(error, KeyError | TypeError) else str(error).splitlines()[0]
        raise StudyError(f"cannot read the checkpoint {str(path)!r}: {cause}.") from None
