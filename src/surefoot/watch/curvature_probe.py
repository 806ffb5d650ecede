"""Curvature along the optimizer's step, measured on the live batch without changing the training.

It is measured on a copy of the model and on clones of the batch; random generators and ``grad`` fields are restored.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer
from torch.utils import _pytree as pytree

from surefoot.core.errors import SurefootError, WatchError
from surefoot.curvature.sharpness import CurvatureRatio, curvature_ratio
from surefoot.tasks.seeding import preserved_generators
from surefoot.tasks.task import Objective
from surefoot.tasks.user_code_errors import is_out_of_memory
from surefoot.watch.weight_updates_and_hyperparameters import step_scales, why_no_curvature


class CurvatureUnavailable(Exception):  # noqa: N818  (a reason, which is recorded, and not an error)
    """Curvature cannot be measured in this training at all; the message is the reason."""


@dataclass(frozen=True, slots=True)
class CurvatureProbe:
    """Measures the ratio of curvature to slope along an optimizer's step.

    Attributes:
        model: The live model; a compiled one is unwrapped.
        optimizer: The live optimizer.
        objective: Function ``(model, batch) -> loss``, a scalar mean.
    """

    model: nn.Module
    optimizer: Optimizer
    objective: Objective

    def measure(self, batch: Any, *, lr_factor: float = 1.0) -> CurvatureRatio | None:
        """Measure the ratio along the step that the optimizer makes of the batch's gradient, in the long run.

        In the long run means with the momentum of a constant gradient. It costs about 2.5 steps of plain training.
        Attention uses the math kernel: the flash kernel has no double backward.

        Args:
            batch: A batch as the objective takes it.
            lr_factor: What the learning rate is multiplied by while the optimizer steps.

        Returns:
            The ratio; ``None`` where it is NaN or inf, or where the step has no slope, as at a learning rate of 0.

        Raises:
            CurvatureUnavailable: If curvature cannot be measured in this training at all.
            WatchError: If the objective fails, or returns no scalar.
        """
        if (reason := why_no_curvature(self.optimizer)) is not None:
            raise CurvatureUnavailable(reason)
        model = getattr(self.model, "_orig_mod", self.model)  # the model that torch.compile wraps
        live = self._trained_params(model)
        if any(param.is_complex() for param in live):
            raise CurvatureUnavailable("the weights are complex")
        scales = step_scales(self.optimizer, live, lr_factor=lr_factor)
        if scales is None:
            raise CurvatureUnavailable("with a momentum of 1 or more the updates grow without bound")
        try:
            with _restored_state(model, self.optimizer):
                model_copy = _copy_model(model)
                params = _matching_params(model, model_copy, live)
                loss = self._loss(model_copy, _clone_batch(batch))
                ratio = curvature_ratio(loss, params, partial(_scaled, scales))
        except (RuntimeError, MemoryError, TypeError, NotImplementedError) as error:
            raise CurvatureUnavailable(_reason(error)) from error
        is_usable = math.isfinite(ratio.curvature) and math.isfinite(ratio.slope) and ratio.slope > 0.0
        return ratio if is_usable else None

    def _trained_params(self, model: nn.Module) -> list[Tensor]:
        in_optimizer = {id(param) for group in self.optimizer.param_groups for param in group["params"]}
        return [param for param in model.parameters() if param.requires_grad and id(param) in in_optimizer]

    def _loss(self, model: nn.Module, batch: Any) -> Tensor:
        try:
            loss = self.objective(model, batch)
        except SurefootError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            first_line = str(error).partition("\n")[0]
            raise WatchError(
                f"objective(model, batch) failed: {type(error).__name__}: {first_line}.",
                hint="the batch given to watch.step is passed to the objective unchanged.",
            ) from error
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            given = f"a tensor of shape {[*loss.shape]}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise WatchError(f"objective(model, batch) must return the loss, a scalar tensor; given {given}.")
        if not loss.requires_grad:
            raise WatchError(
                "objective(model, batch) returned a loss without a gradient.",
                hint="it must use the model that it is given, and neither item() nor detach().",
            )
        return loss.reshape(())


@contextmanager
def _restored_state(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """Restore random generators, ``grad`` fields and autograd's modes after the block."""
    params = [param for group in optimizer.param_groups for param in group["params"]] + [*model.parameters()]
    grads: list[tuple[Tensor, Tensor | None]] = [(param, param.grad) for param in params]
    device = params[0].device.type
    with ExitStack() as contexts:
        contexts.callback(_restore_grads, grads)
        for param in params:  # live parameters that the objective uses directly would receive a gradient
            param.grad = None
        contexts.enter_context(torch.inference_mode(mode=False))
        contexts.enter_context(torch.enable_grad())
        # The objective's own autocast counts, and not the training loop's.
        contexts.enter_context(torch.autocast(device, enabled=False))
        contexts.enter_context(preserved_generators())
        contexts.enter_context(sdpa_kernel(SDPBackend.MATH))
        if "torch._dynamo" in sys.modules:  # compiled code has no double backward
            contexts.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _restore_grads(grads: Sequence[tuple[Tensor, Tensor | None]]) -> None:
    for param, grad in grads:
        param.grad = grad


def _copy_model(model: nn.Module) -> nn.Module:
    """Return a deep copy; tensors that modules keep from their last forward pass are copied without their graph."""
    kept = [leaf for module in model.modules() for leaf in pytree.tree_leaves(vars(module)) if isinstance(leaf, Tensor)]
    return copy.deepcopy(model, {id(each): each.detach().clone() for each in kept if not each.is_leaf})


def _matching_params(model: nn.Module, model_copy: nn.Module, live: Sequence[Tensor]) -> list[Tensor]:
    """Return the parameters of a copy that match some of the live model's."""
    wanted = {id(param) for param in live}
    pairs = zip(model.parameters(), model_copy.parameters(), strict=True)
    return [copied for param, copied in pairs if id(param) in wanted]


def _scaled(scales: Sequence[Tensor], gradient: Sequence[Tensor]) -> list[Tensor]:
    return [scale * part for scale, part in zip(scales, gradient, strict=True)]


def _clone_batch(batch: Any) -> Any:
    """Return a batch whose tensors the objective may write to."""

    def clone(tensor: Tensor) -> Tensor:
        return tensor.detach().clone().requires_grad_(tensor.requires_grad)

    return pytree.tree_map_only(Tensor, clone, batch)


def _reason(error: BaseException) -> str:
    if is_out_of_memory(error):
        return "there is not enough memory for a second derivative"
    return f"a copy of the model has no second derivative ({str(error).partition(chr(10))[0]})"
