"""One-dimensional convolutions of many members as matrix products, which vmap runs faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad
from torch.overrides import TorchFunctionMode

# Maximum kernel width that is computed as a product: wider ones copy the input more often than the product gains.
MAX_KERNEL_WIDTH = 9


class Conv1dAsMatmul(TorchFunctionMode):
    """A context in which ``torch.conv1d`` multiplies the filters with the unfolded input.

    Under ``vmap`` torch turns the members' convolutions into one grouped convolution, which is slow where groups have
    few channels; a batched matrix product is not. Convolutions with groups, dilation, padding by name or wide kernels
    are left to torch.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, or the product instead of ``conv1d``."""
        if func is torch.conv1d and (call := Conv1dCall(*args, **(kwargs or {}))).can_be_product:
            return call.product()
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class Conv1dCall:
    """The arguments of a call of ``torch.conv1d``, under the same names and in the same order."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    @property
    def can_be_product(self) -> bool:
        """Whether a matrix product can compute it."""
        plain = self.groups == 1 and _scalar(self.dilation) == 1 and not isinstance(self.padding, str)
        return plain and self.input.dim() == 3 and self.weight.shape[-1] <= MAX_KERNEL_WIDTH

    def product(self) -> Tensor:
        """Return the convolution ``[B, O, L']`` of inputs ``[B, C, L]`` with filters ``[O, C, W]``.

        Channels come first inside, so that neither the product nor unfolding for the next layer needs a transposition.
        """
        padded = pad(self.input.transpose(0, 1), (_scalar(self.padding),) * 2)
        windows = _unfold(padded, self.weight.shape[-1], _scalar(self.stride))
        channels, width, batch, length = windows.shape
        flat, filters = windows.reshape(channels * width, batch * length), self.weight.flatten(1)
        outputs = filters @ flat if self.bias is None else torch.addmm(self.bias[:, None], filters, flat)
        return outputs.view(len(self.weight), batch, length).transpose(0, 1)


class UnfoldWindows(Function):
    """Copy the sliding windows of an input: ``[..., B, L]`` -> ``[..., W, B, L']``.

    Autograd's derivative of ``unfold`` would allocate an input of zeros for every position of the kernel.
    """

    @staticmethod
    def forward(inputs: Tensor, width: int, stride: int) -> Tensor:
        """Copy the windows."""
        return inputs.unfold(-1, width, stride).movedim(-1, -3).contiguous()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004  (torch's signature)
        """Save the shape for the backward pass."""
        ctx.length, ctx.width, ctx.stride = inputs[0].shape[-1], inputs[1], inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the inputs."""
        return _fold(gradients[0], ctx.length, ctx.stride), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, inputs: Tensor, width: int, stride: int) -> tuple[Tensor, int]:  # noqa: ARG004
        """Unfold the inputs of all members at once: the member axis comes first."""
        return _unfold(inputs.movedim(in_dims[0], 0), width, stride), 0


class FoldWindows(Function):
    """The transpose of :class:`UnfoldWindows`: ``[..., W, B, L']`` -> ``[..., B, L]``, summed where windows overlap."""

    @staticmethod
    def forward(windows: Tensor, length: int, stride: int) -> Tensor:
        """Sum the windows."""
        width, batch, positions = windows.shape[-3:]
        total = windows.new_zeros(*windows.shape[:-3], batch, length)
        for offset in range(width):
            total[..., offset : offset + (positions - 1) * stride + 1 : stride] += windows[..., offset, :, :]
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004  (torch's signature)
        """Save the shape for the backward pass."""
        ctx.width, ctx.stride = inputs[0].shape[-3], inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the windows."""
        return _unfold(gradients[0], ctx.width, ctx.stride), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, windows: Tensor, length: int, stride: int) -> tuple[Tensor, int]:  # noqa: ARG004
        """Fold the windows of all members at once."""
        return _fold(windows.movedim(in_dims[0], 0), length, stride), 0


def _unfold(inputs: Tensor, width: int, stride: int) -> Tensor:
    windows: Tensor = UnfoldWindows.apply(inputs, width, stride)  # type: ignore[no-untyped-call]  # of torch
    return windows


def _fold(windows: Tensor, length: int, stride: int) -> Tensor:
    inputs: Tensor = FoldWindows.apply(windows, length, stride)  # type: ignore[no-untyped-call]  # of torch
    return inputs


def _scalar(setting: Any) -> int:
    """Return a setting of one axis as a number: it may be a tuple of one."""
    return int(setting[0] if isinstance(setting, (tuple, list)) else setting)
