"""Products that stand for convolutions are convolutions: against torch's own, derivatives and members included."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import vmap
from torch.nn.functional import conv1d

from surefoot.fleet.convolution import WIDEST_KERNEL, Conv1d, ConvolutionsAsProducts, Windows


def tensors(*shapes):
    generator = torch.Generator().manual_seed(sum(map(sum, shapes)))
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(*(st.integers(1, 4) for _ in range(3))),
    st.integers(1, WIDEST_KERNEL),
    st.integers(0, 9),
    st.tuples(st.integers(1, 3), st.integers(0, 3), st.booleans()),
)
def test_values_and_gradients_are_those_of_torch(sizes, width, more, how):
    (batch, channels, filters), (stride, padding, biased) = sizes, how
    x, weight, bias = tensors((batch, channels, width + more), (filters, channels, width), (filters,))
    wanted = conv1d(x, weight, bias if biased else None, stride, padding)
    with ConvolutionsAsProducts():
        found = conv1d(x, weight, bias if biased else None, stride=(stride,), padding=(padding,))
    same(found, wanted)
    asked = [x, weight, bias] if biased else [x, weight]
    cotangent = torch.randn_like(wanted)
    for one, other in zip(*(torch.autograd.grad(y, asked, cotangent) for y in (found, wanted)), strict=True):
        same(one, other)


def test_members_do_not_mix():
    x, weights, biases = tensors((3, 2, 11), (5, 4, 2, 3), (5, 4))
    with ConvolutionsAsProducts():
        of_one_input = vmap(lambda w, b: conv1d(x, w, b, 2, 1))(weights, biases)
        of_own_inputs = vmap(lambda w, b, x: conv1d(x, w, b, 1, 1))(weights, biases, of_one_input[:, :, :2])
    for member, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        same(of_one_input[member], conv1d(x, weight, bias, 2, 1))
        same(of_own_inputs[member], conv1d(of_one_input[member, :, :2], weight, bias, 1, 1))


def test_second_derivatives_are_right():
    x, weight = tensors((2, 2, 7), (3, 2, 3))

    def curvature(w):
        loss = conv1d(x, w, None, 2, 1).tanh().square().sum()
        (gradient,) = torch.autograd.grad(loss, w, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), w)[0]

    wanted = curvature(weight)
    with ConvolutionsAsProducts():
        same(curvature(weight), wanted)
    assert torch.autograd.gradcheck(lambda inputs: Windows.apply(inputs, 3, 2), (x,))
    assert torch.autograd.gradgradcheck(lambda inputs: Windows.apply(inputs, 3, 2), (x,))


@pytest.mark.parametrize(
    "others",
    [{"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"weight": torch.zeros(4, 2, WIDEST_KERNEL + 1)}],
    ids=["dilation", "groups", "padding by name", "a wide kernel"],
)
def test_what_has_no_rule_stays_torchs_own(others):
    x = torch.randn(3, 2, 40)
    asked = {"input": x, "weight": torch.randn(4, 2 // others.get("groups", 1), 3)} | others
    assert not Conv1d(**asked).has_rule
    with ConvolutionsAsProducts():
        assert torch.equal(conv1d(**asked), conv1d(**asked))
    assert not Conv1d(x[0], asked["weight"]).has_rule, "an input without a batch"
