"""Convolutions as products against torch's own: values, derivatives, and members under vmap."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap
from torch.nn.functional import conv1d

from surefoot.fleet.stacked_convolution import MAX_KERNEL_WIDTH, Conv1dAsMatmul, Conv1dCall, UnfoldWindows


def tensors(*shapes):
    generator = torch.Generator().manual_seed(sum(map(sum, shapes)))
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def assert_equal(one, other):
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*(st.integers(1, 4) for _ in range(3))),
    st.integers(1, MAX_KERNEL_WIDTH),
    st.integers(0, 9),
    st.tuples(st.integers(1, 3), st.integers(0, 3), st.booleans()),
)
def test_values_and_gradients_equal_those_of_torch(sizes, width, more, how):
    (batch, channels, filters), (stride, padding, biased) = sizes, how
    x, weight, bias = tensors((batch, channels, width + more), (filters, channels, width), (filters,))
    expected = conv1d(x, weight, bias if biased else None, stride, padding)
    with Conv1dAsMatmul():
        product = conv1d(x, weight, bias if biased else None, stride=(stride,), padding=(padding,))
    assert_equal(product, expected)
    arguments = [x, weight, bias] if biased else [x, weight]
    cotangent = torch.randn_like(expected)
    for one, other in zip(*(torch.autograd.grad(y, arguments, cotangent) for y in (product, expected)), strict=True):
        assert_equal(one, other)


def test_members_do_not_mix():
    x, weights, biases = tensors((3, 2, 11), (5, 4, 2, 3), (5, 4))
    with Conv1dAsMatmul():
        of_one_input = vmap(lambda w, b: conv1d(x, w, b, 2, 1))(weights, biases)
        of_own_inputs = vmap(lambda w, b, x: conv1d(x, w, b, 1, 1))(weights, biases, of_one_input[:, :, :2])
    for member, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        assert_equal(of_one_input[member], conv1d(x, weight, bias, 2, 1))
        assert_equal(of_own_inputs[member], conv1d(of_one_input[member, :, :2], weight, bias, 1, 1))


def test_second_derivatives_are_right():
    x, weight = tensors((2, 2, 7), (3, 2, 3))

    def curvature(w):
        loss = conv1d(x, w, None, 2, 1).tanh().square().sum()
        (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), w)[0]

    expected = curvature(weight)
    with Conv1dAsMatmul():
        assert_equal(curvature(weight), expected)
    assert torch.autograd.gradcheck(lambda inputs: UnfoldWindows.apply(inputs, 3, 2), (x,))
    assert torch.autograd.gradgradcheck(lambda inputs: UnfoldWindows.apply(inputs, 3, 2), (x,))


@pytest.mark.parametrize(
    "others",
    [{"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"weight": torch.zeros(4, 2, MAX_KERNEL_WIDTH + 1)}],
    ids=["dilation", "groups", "padding by name", "a wide kernel"],
)
def test_other_convolutions_are_left_to_torch(others):
    x = torch.randn(3, 2, 40)
    arguments = {"input": x, "weight": torch.randn(4, 2 // others.get("groups", 1), 3)} | others
    assert not Conv1dCall(**arguments).can_be_product
    with Conv1dAsMatmul():
        assert torch.equal(conv1d(**arguments), conv1d(**arguments))
    assert not Conv1dCall(x[0], arguments["weight"]).can_be_product, "an input without a batch"
