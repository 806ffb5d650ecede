"""The reach of the optimizer's step on the live batch, measured on a copy of the model that is thrown away.

The copy, the batch's clones, and generators and ``grad`` fields put back as they were: the training goes on as if
nothing had happened.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer
from torch.utils import _pytree as pytree

from surefoot.core.errors import SurefootError, WatchError
from surefoot.curvature.step_curvature import Reach, reach
from surefoot.tasks.seeding import borrowed_generators
from surefoot.tasks.task import Objective
from surefoot.tasks.user_code_errors import is_out_of_memory
from surefoot.watch.weight_updates import reason_against, step_scales


class NoCurvature(Exception):  # noqa: N818  (a reason, which becomes data)
    """Why there is no curvature to be had from this training."""


@dataclass(frozen=True, slots=True)
class Curvature:
    """Measures the reach of a step.

    Attributes:
        model: The live one; compiled ones are seen through.
        optimizer: The live one.
        objective: ``(model, batch) -> loss``, a scalar mean.
    """

    model: nn.Module
    optimizer: Optimizer
    objective: Objective

    def measure(self, batch: Any, *, factor: float = 1.0) -> Reach | None:
        """Measure the reach that the optimizer's step has on a batch, momentum in its long run included.

        Costs about 2.5 steps of plain training. Attention runs in the math kernel: the flash kernel has no double
        backward.

        Args:
            batch: As the objective takes it.
            factor: What the learning rate is lowered to while the optimizer steps.

        Returns:
            The reach; ``None`` where it is no number, or no weight has a learning rate.

        Raises:
            NoCurvature: If it cannot be had from this training at all.
            WatchError: If the objective fails, or returns no scalar.
        """
        if (reason := reason_against(self.optimizer)) is not None:
            raise NoCurvature(reason)
        model = getattr(self.model, "_orig_mod", self.model)  # what torch.compile wraps
        live = self._trained(model)
        if any(param.is_complex() for param in live):
            raise NoCurvature("its weights are complex")
        scales = step_scales(self.optimizer, live, factor=factor)
        if scales is None:
            raise NoCurvature("a momentum of 1 or more has no long run")
        try:
            with _untouched(model, self.optimizer):
                twin = _copied(model)
                params = self._twins(model, twin, live)
                loss = self._loss(twin, _cloned(batch))
                found = reach(loss, params, lambda gradient: [s * g for s, g in zip(scales, gradient, strict=True)])
        except (RuntimeError, MemoryError, TypeError, NotImplementedError) as error:
            raise NoCurvature(_reason(error)) from error
        return found if math.isfinite(found.bend) and math.isfinite(found.slope) and found.slope > 0.0 else None

    def _trained(self, model: nn.Module) -> list[Tensor]:
        known = {id(param) for group in self.optimizer.param_groups for param in group["params"]}
        return [param for param in model.parameters() if param.requires_grad and id(param) in known]

    @staticmethod
    def _twins(model: nn.Module, twin: nn.Module, live: Sequence[Tensor]) -> list[Tensor]:
        wanted = {id(param) for param in live}
        pairs = zip(model.parameters(), twin.parameters(), strict=True)
        return [copied for param, copied in pairs if id(param) in wanted]

    def _loss(self, model: nn.Module, batch: Any) -> Tensor:
        try:
            loss = self.objective(model, batch)
        except SurefootError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            said = str(error).partition("\n")[0]
            raise WatchError(
                f"objective(model, batch) failed: {type(error).__name__}: {said}.",
                hint="the batch handed to watch.step goes to the objective as it is.",
            ) from error
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            given = f"a tensor of shape {[*loss.shape]}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise WatchError(f"objective(model, batch) must return the loss, a scalar tensor; given {given}.")
        if not loss.requires_grad:
            raise WatchError(
                "objective(model, batch) returned a loss without a gradient.",
                hint="it has to use the model it is given, and neither item() nor detach().",
            )
        return loss.reshape(())


@contextmanager
def _untouched(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """Leave generators, gradients and the ways of autograd as they were."""
    params = [param for group in optimizer.param_groups for param in group["params"]] + [*model.parameters()]
    held: list[tuple[Tensor, Tensor | None]] = [(param, param.grad) for param in params]
    device = params[0].device.type
    with ExitStack() as ways:
        ways.callback(_give_back, held)
        for param in params:  # whatever else the loss hangs on gets no gradient
            param.grad = None
        ways.enter_context(torch.inference_mode(mode=False))
        ways.enter_context(torch.enable_grad())
        ways.enter_context(torch.autocast(device, enabled=False))  # the objective's own counts, not the loop's
        ways.enter_context(borrowed_generators())
        ways.enter_context(sdpa_kernel(SDPBackend.MATH))
        if "torch._dynamo" in sys.modules:  # compiled code has no double backward
            ways.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _give_back(held: Sequence[tuple[Tensor, Tensor | None]]) -> None:
    for param, grad in held:
        param.grad = grad


def _copied(model: nn.Module) -> nn.Module:
    """Return a deep copy; what a module keeps of its last forward pass, such as attention maps, comes without graph."""
    kept = [leaf for module in model.modules() for leaf in pytree.tree_leaves(vars(module)) if isinstance(leaf, Tensor)]
    return copy.deepcopy(model, {id(each): each.detach().clone() for each in kept if not each.is_leaf})


def _cloned(batch: Any) -> Any:
    """Return a batch whose tensors may be written on."""
    clone: Callable[[Tensor], Tensor] = lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad)  # noqa: E731
    return pytree.tree_map_only(Tensor, clone, batch)


def _reason(error: BaseException) -> str:
    if is_out_of_memory(error):
        return "there is not enough memory for a second derivative"
    return f"a copy of the model has no second derivative ({str(error).partition(chr(10))[0]})"
