"""What an update rule may have to know of the parameters that lie in a row: their shapes and their parts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

EMBEDDING_CLASS = re.compile(r"Embedding(Bag)?$")


@dataclass(frozen=True, slots=True)
class Piece:
    """One parameter in a row of ``P`` numbers.

    Attributes:
        shape: Its shape.
        hidden: Whether it is a hidden matrix: see :func:`hidden_matrices`.
    """

    shape: tuple[int, ...]
    hidden: bool = False

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def split(row: Tensor, pieces: Sequence[Piece]) -> Sequence[Tensor]:
    """Return each piece's part of ``[K, P]``; what is ``[K, 1]`` is every piece's."""
    return [row] * len(pieces) if row.shape[1] == 1 else torch.split(row, [piece.size for piece in pieces], dim=1)


def hidden_matrices(model: nn.Module) -> frozenset[str]:
    """Return the names of the matrices between a model's embeddings and its output layer.

    These are the parameters of two dimensions but for those of an embedding (a module whose class, or one that it
    inherits from, has a name that ends in ``Embedding`` or ``EmbeddingBag``) and the last one in the order of the
    model's parameters, which is taken for the output layer's. A matrix that is tied to one of these goes with it.

    Reference:
        Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks".

    Example:
        >>> sorted(hidden_matrices(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 9))))
        ['1.weight']
    """
    last = [id(param) for _, param in model.named_parameters(remove_duplicate=False) if param.dim() == 2][-1:]
    embedded = [
        id(param)
        for module in model.modules()
        if any(EMBEDDING_CLASS.search(kind.__name__) for kind in type(module).__mro__)
        for param in module.parameters(recurse=False)
    ]
    outer = {*last, *embedded}
    return frozenset(name for name, param in model.named_parameters() if param.dim() == 2 and id(param) not in outer)
