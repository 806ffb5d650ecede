"""The Hessian of a task's training loss, as products with vectors; the matrix itself is never there.

The top of a Hessian's spectrum by ARPACK's implicitly restarted Lanczos method, from products alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.tasks.user_code_errors import is_out_of_memory

Method: TypeAlias = Literal["double backward", "finite differences"]


class Hessian:
    """The Hessian H ``[P, P]`` of a mean loss, at the parameters that its model has.

        H v = d/dw (dL/dw · v)

    Dropout keeps its masks, so that H is one symmetric matrix. Where an operation has no double backward, products are
    central differences of gradients.

    Args:
        loss: The mean loss.

    Attributes:
        loss: The same; counts what was done in its gradients, a product as two.
        method: How products are computed; double backward until that fails.

    Example:
        >>> from torch import nn
        >>> from surefoot.tasks.task import Task
        >>> data = (torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))
        >>> line = Task("line", lambda: nn.Linear(1, 1, bias=False), nn.functional.mse_loss, data, data,
        ...             batch_size=2, steps=1)
        >>> hessian = Hessian(MeanLoss(line, line.new_model(), [data], sizes=[2]))
        >>> hessian.product(torch.ones(1))  # 2 * mean(x^2)
        tensor([10.])
    """

    def __init__(self, loss: MeanLoss) -> None:
        self.loss = loss
        self.method: Method = "double backward"

    @property
    def size(self) -> int:
        """P, the number of trained parameters."""
        return self.loss.size

    def product(self, vector: Tensor) -> Tensor:
        """Return H times a vector ``[P]``; not finite where the loss is not."""
        if self.method == "double backward":
            try:
                product = self._double_backward(vector)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                self.method = "finite differences"  # an operation has no derivative of its derivative
            else:
                self.loss.gradients += 2
                return product
        return self._difference(vector)

    def _double_backward(self, vector: Tensor) -> Tensor:
        parts = self.loss.split(vector)

        def derive(batch: Any) -> Sequence[Tensor]:
            loss = self.loss.task.batch_loss(self.loss.model, batch)
            return double_backward(loss, self.loss.params, parts)[1]

        return self.loss.mean(derive)

    def _difference(self, vector: Tensor) -> Tensor:
        """Return (g(w + h v) - g(w - h v)) / 2h; h balances rounding, eps / h, against the error of order h^2."""
        if not vector.any():
            return torch.zeros_like(vector)
        here = self.loss.place()
        step: float = torch.finfo(here.dtype).eps ** (1 / 3) * max(1.0, float(here.norm())) / float(vector.norm())
        try:
            self.loss.move_to(here + step * vector)
            ahead = self.loss.gradient()
            self.loss.move_to(here - step * vector)
            behind = self.loss.gradient()
        finally:
            self.loss.move_to(here)
        return (ahead - behind) / (2 * step)


def double_backward(
    loss: Tensor,
    params: Sequence[Tensor],
    vector: Sequence[Tensor] | Callable[[list[Tensor]], Sequence[Tensor]] | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return a loss's gradient, and its Hessian times a vector, each in pieces of the parameters' shapes.

    Changes the parameters' ``grad`` fields.

    Args:
        loss: A scalar with its graph.
        params: What to derive by.
        vector: In pieces of their shapes, or what makes it of the gradient; the gradient itself if not given.

    Raises:
        RuntimeError: If an operation has no double backward.
    """
    grads = torch.autograd.grad(loss, params, create_graph=True, materialize_grads=True)
    gradient = [grad.detach() for grad in grads]
    parts = gradient if vector is None else vector(gradient) if callable(vector) else vector
    slope = torch.stack([(grad * part).sum() for grad, part in zip(grads, parts, strict=True)]).sum()
    for param in params:
        param.grad = None
    if slope.requires_grad:  # else the loss is linear
        # Not autograd.grad: it would pass by an operation that cannot be derived twice, and leave it out.
        slope.backward()  # type: ignore[no-untyped-call]
    return gradient, [torch.zeros_like(param) if param.grad is None else param.grad for param in params]


# Vectors that the Lanczos method keeps for one eigenvalue; a Hessian no larger is worked out as a whole.
BASIS = 8


class NoSpectrum(Exception):  # noqa: N818  (a reason, which becomes data)
    """Why there is no eigenvalue."""


@dataclass(slots=True)
class Products:
    """Hessian-vector products in NumPy, as many as are paid for.

    With a preconditioner P they are those of P^(-1/2) H P^(-1/2): symmetric, and its eigenvalues are those of P⁻¹H.

    Attributes:
        hessian: H.
        most_gradients: A ceiling on the cost.
        preconditioner: P's diagonal ``[P]``, above 0.
    """

    hessian: Hessian
    most_gradients: int
    preconditioner: Tensor | None = None

    def __call__(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product.

        Raises:
            NoSpectrum: If it is not paid for, there is not enough memory for it, or it is not finite.
        """
        if self.hessian.loss.gradients + 2 > self.most_gradients:
            raise NoSpectrum(f"{self.most_gradients} gradients were not enough for the tolerance")
        like = self.hessian.loss.params[0]
        scale = 1.0 if self.preconditioner is None else self.preconditioner.to(like).rsqrt()
        try:
            product = scale * self.hessian.product(scale * torch.as_tensor(vector.reshape(-1)).to(like))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise NoSpectrum("there is not enough memory for a second derivative") from error
        if not torch.isfinite(product).all():
            raise NoSpectrum("the loss or its derivatives are not finite there")
        found: NDArray[np.float64] = product.double().cpu().numpy()
        return found


def top(
    products: Products, *, count: int = 1, seed: int = 0, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest eigenvalues, descending ``[count]``, and their eigenvectors ``[count, P]``.

    It begins with a random vector that one product has turned towards the top of the spectrum.

    Args:
        products: With the matrix.
        count: How many, at most P.
        seed: Of the random vector.
        tolerance: Relative residual at which the method stops.

    Raises:
        NoSpectrum: If there is no answer for the price, or none at all.
    """
    size = products.hessian.size
    try:
        if size <= BASIS + count - 1:
            matrix = np.stack([products(row) for row in np.eye(size)])
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        elif not (start := products(np.random.default_rng(seed).standard_normal(size))).any():
            return np.zeros(count), np.eye(count, size)  # nothing bends: any directions are as good
        else:
            operator = LinearOperator((size, size), matvec=products, dtype=np.float64)
            basis = min(size - 1, BASIS * count)
            values, vectors = eigsh(operator, k=count, which="LA", v0=start, ncv=basis, tol=tolerance)
    except ArpackError as error:
        raise NoSpectrum(f"the Lanczos method failed: {error}") from error
    order = np.argsort(values)[::-1][:count]
    return values[order], vectors[:, order].T
