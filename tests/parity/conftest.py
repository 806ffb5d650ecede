"""Parity is compared in float64 throughout; torch keeps some state (NAdam's momentum product) in the default type."""

import pytest
import torch


@pytest.fixture(autouse=True)
def float64_throughout():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
