import numpy as np
import pytest
import torch

from surefoot.surfaces import SURFACES, surface_named
from surefoot.web.query import Query
from surefoot.web.surfaces import surface_data


@pytest.mark.parametrize("name", SURFACES)
def test_the_losses_of_a_surface_come_row_by_row(name):
    answer = surface_data(Query({"surface": name}))
    surface = surface_named(name)
    assert len(answer["values"]) == np.prod(answer["counts"])
    last = surface.value(torch.tensor([high for _, high in surface.box], dtype=torch.float64))
    corner = surface.value(torch.tensor([surface.box[0][1], *[low for low, _ in surface.box[1:]]], dtype=torch.float64))
    assert answer["values"][-1] == pytest.approx(float(last), rel=1e-5)
    assert answer["values"][answer["counts"][0] - 1] == pytest.approx(float(corner), rel=1e-5)
