"""The top of a Hessian's spectrum by ARPACK's implicitly restarted Lanczos method, from products alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor

from surefoot.curvature.hessian import Hessian
from surefoot.tasks.exhaustion import is_out_of_memory

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
