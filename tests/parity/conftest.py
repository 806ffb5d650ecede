"""Parity is compared in float64 throughout; torch keeps some state (NAdam's momentum product) in the default type."""

import pytest
import torch
from tests.parity.muon_twin import newton_schulz_alone


@pytest.fixture(autouse=True)
def float64_throughout():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(autouse=True)
def no_rounding_in_muon(monkeypatch):
    """Torch's Muon rounds to bfloat16 on its way; to compare all else exactly, its iteration runs in float64."""
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", newton_schulz_alone)
