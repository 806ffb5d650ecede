"""The Hessian of a task's training loss: products with vectors, and its largest eigenvalues by the Lanczos method."""

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

# Number of Lanczos vectors for each eigenvalue. A Hessian with no more parameters is computed as a matrix. Chosen.
LANCZOS_BASIS = 8


class Hessian:
    """The Hessian H ``[P, P]`` of a mean loss, at the current parameters of its model.

        H v = d/dw (dL/dw · v)

    The matrix itself is never formed. Dropout keeps its masks, so that H is one symmetric matrix. If an operation has
    no double backward, products are central differences of gradients.

    Args:
        loss: The mean loss.

    Attributes:
        loss: The mean loss; its ``gradients`` count the cost, two for a product.
        method: How products are computed: by double backward until that fails.

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
        """Return H times a vector, shape ``[P]``; not finite if the loss is not."""
        if self.method == "double backward":
            try:
                product = self._double_backward(vector)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                self.method = "finite differences"  # an operation has no double backward
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
        """Return (g(w + h v) - g(w - h v)) / 2h; h balances rounding errors of eps / h with errors of order h²."""
        if not vector.any():
            return torch.zeros_like(vector)
        parameters = self.loss.parameter_vector()
        eps = torch.finfo(parameters.dtype).eps
        step: float = eps ** (1 / 3) * max(1.0, float(parameters.norm())) / float(vector.norm())
        try:
            self.loss.set_parameters(parameters + step * vector)
            ahead = self.loss.gradient()
            self.loss.set_parameters(parameters - step * vector)
            behind = self.loss.gradient()
        finally:
            self.loss.set_parameters(parameters)
        return (ahead - behind) / (2 * step)


def double_backward(
    loss: Tensor,
    params: Sequence[Tensor],
    vector: Sequence[Tensor] | Callable[[list[Tensor]], Sequence[Tensor]] | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradient of a loss, and its Hessian times a vector, each as a list of tensors like the parameters.

    The ``grad`` fields of the parameters are overwritten.

    Args:
        loss: A scalar with its graph.
        params: Parameters to differentiate by.
        vector: Tensors with the shapes of the parameters, or a function that returns them given the gradient; the
            gradient itself by default.

    Raises:
        RuntimeError: If an operation has no double backward.
    """
    grads = torch.autograd.grad(loss, params, create_graph=True, materialize_grads=True)
    gradient = [grad.detach() for grad in grads]
    parts = gradient if vector is None else vector(gradient) if callable(vector) else vector
    slope = torch.stack([(grad * part).sum() for grad, part in zip(grads, parts, strict=True)]).sum()
    for param in params:
        param.grad = None
    if slope.requires_grad:  # otherwise the loss is linear
        # Not autograd.grad: it would ignore an operation without double backward instead of raising an error.
        slope.backward()  # type: ignore[no-untyped-call]
    return gradient, [torch.zeros_like(param) if param.grad is None else param.grad for param in params]


class EigenvalueUnavailable(Exception):  # noqa: N818  (not an error: its message becomes part of a result)
    """An eigenvalue cannot be computed; the message says why."""


@dataclass(slots=True)
class HessianProducts:
    """Hessian-vector products as NumPy arrays, up to a maximum cost.

    With a preconditioner P they are products with P^(-1/2) H P^(-1/2), which is symmetric and has the eigenvalues of
    P⁻¹H.

    Attributes:
        hessian: The Hessian H.
        max_gradients: Maximum cost in gradients, counted from the creation of the loss.
        preconditioner: Diagonal of P, above 0, shape ``[P]``.
    """

    hessian: Hessian
    max_gradients: int
    preconditioner: Tensor | None = None

    def __call__(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product with a vector, shape ``[P]``.

        Raises:
            EigenvalueUnavailable: If it exceeds the maximum cost or the memory, or is not finite.
        """
        if self.hessian.loss.gradients + 2 > self.max_gradients:
            raise EigenvalueUnavailable(f"{self.max_gradients} gradients were not enough for the tolerance")
        like = self.hessian.loss.params[0]
        scale = 1.0 if self.preconditioner is None else self.preconditioner.to(like).rsqrt()
        try:
            product = scale * self.hessian.product(scale * torch.as_tensor(vector.reshape(-1)).to(like))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise EigenvalueUnavailable("there is not enough memory for a second derivative") from error
        if not torch.isfinite(product).all():
            raise EigenvalueUnavailable("the loss or its derivatives are not finite there")
        array: NDArray[np.float64] = product.double().cpu().numpy()
        return array


def top_eigenpairs(
    products: HessianProducts, *, count: int = 1, seed: int = 0, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest eigenvalues, descending ``[count]``, and their eigenvectors ``[count, P]``.

    By ARPACK's implicitly restarted Lanczos method. Its start is the product with a random vector.

    Args:
        products: Products with the matrix.
        count: Number of eigenvalues, at most P.
        seed: Seed of the random vector.
        tolerance: Relative residual at which the method stops.

    Raises:
        EigenvalueUnavailable: If the method fails or exceeds the maximum cost.
    """
    size = products.hessian.size
    try:
        if size <= LANCZOS_BASIS + count - 1:
            matrix = np.stack([products(row) for row in np.eye(size)])
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        elif not (start := products(np.random.default_rng(seed).standard_normal(size))).any():
            return np.zeros(count), np.eye(count, size)  # the Hessian is 0: every vector is an eigenvector
        else:
            operator = LinearOperator((size, size), matvec=products, dtype=np.float64)
            basis = min(size - 1, LANCZOS_BASIS * count)
            values, vectors = eigsh(operator, k=count, which="LA", v0=start, ncv=basis, tol=tolerance)
    except ArpackError as error:
        raise EigenvalueUnavailable(f"the Lanczos method failed: {error}") from error
    order = np.argsort(values)[::-1][:count]
    return values[order], vectors[:, order].T
