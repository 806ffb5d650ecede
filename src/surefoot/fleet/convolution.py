"""Convolutions of many members along one axis, as matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad
from torch.overrides import TorchFunctionMode

# Wider kernels would copy the input more often than the product gains.
WIDEST_KERNEL = 9


class ConvolutionsAsProducts(TorchFunctionMode):
    """While it is in force, ``torch.conv1d`` is a product of the filters with the input's windows.

    Under ``vmap`` torch makes one grouped convolution of all members', whose kernels are slow where a group has few
    channels; a batched product is not. What there is no rule for (groups, dilation, padding by name, wide kernels)
    stays torch's own.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, or the product in its place."""
        if func is torch.conv1d and (asked := Conv1d(*args, **(kwargs or {}))).has_rule:
            return asked.product()
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class Conv1d:
    """The arguments of ``torch.conv1d``, by its names and in its order."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    @property
    def has_rule(self) -> bool:
        """Whether a product can stand for it."""
        plain = self.groups == 1 and _one(self.dilation) == 1 and not isinstance(self.padding, str)
        return plain and self.input.dim() == 3 and self.weight.shape[-1] <= WIDEST_KERNEL

    def product(self) -> Tensor:
        """Return the convolution ``[B, O, L']`` of inputs ``[B, C, L]`` with filters ``[O, C, W]``.

        Channels go first inside, so that neither the product nor the next layer's windows need a transposition.
        """
        padded = pad(self.input.transpose(0, 1), (_one(self.padding),) * 2)
        windows = _windows(padded, self.weight.shape[-1], _one(self.stride))
        channels, width, batch, length = windows.shape
        flat, filters = windows.reshape(channels * width, batch * length), self.weight.flatten(1)
        outputs = filters @ flat if self.bias is None else torch.addmm(self.bias[:, None], filters, flat)
        return outputs.view(len(self.weight), batch, length).transpose(0, 1)


class Windows(Function):
    """The windows of an input, copied: ``[..., B, L]`` -> ``[..., W, B, L']``.

    Autograd's own derivative would fill an input with zeros for every place of the kernel.
    """

    @staticmethod
    def forward(inputs: Tensor, width: int, stride: int) -> Tensor:
        """Copy the windows."""
        return inputs.unfold(-1, width, stride).movedim(-1, -3).contiguous()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004  (torch's signature)
        """Keep the shape."""
        ctx.length, ctx.width, ctx.stride = inputs[0].shape[-1], inputs[1], inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the inputs."""
        return _joined(gradients[0], ctx.length, ctx.stride), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, inputs: Tensor, width: int, stride: int) -> tuple[Tensor, int]:  # noqa: ARG004
        """Do it for all members at once: they are one more axis in front."""
        return _windows(inputs.movedim(in_dims[0], 0), width, stride), 0


class Joined(Function):
    """The transpose of :class:`Windows`: ``[..., W, B, L']`` -> ``[..., B, L]``, summed where windows overlap."""

    @staticmethod
    def forward(windows: Tensor, length: int, stride: int) -> Tensor:
        """Sum the windows."""
        width, batch, places = windows.shape[-3:]
        total = windows.new_zeros(*windows.shape[:-3], batch, length)
        for place in range(width):
            total[..., place : place + (places - 1) * stride + 1 : stride] += windows[..., place, :, :]
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG004  (torch's signature)
        """Keep the shape."""
        ctx.width, ctx.stride = inputs[0].shape[-3], inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the windows."""
        return _windows(gradients[0], ctx.width, ctx.stride), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, windows: Tensor, length: int, stride: int) -> tuple[Tensor, int]:  # noqa: ARG004
        """Do it for all members at once."""
        return _joined(windows.movedim(in_dims[0], 0), length, stride), 0


def _windows(inputs: Tensor, width: int, stride: int) -> Tensor:
    found: Tensor = Windows.apply(inputs, width, stride)  # type: ignore[no-untyped-call]
    return found


def _joined(windows: Tensor, length: int, stride: int) -> Tensor:
    found: Tensor = Joined.apply(windows, length, stride)  # type: ignore[no-untyped-call]
    return found


def _one(setting: Any) -> int:
    """Return a setting of one axis: a number, or a tuple of one."""
    return int(setting[0] if isinstance(setting, (tuple, list)) else setting)
