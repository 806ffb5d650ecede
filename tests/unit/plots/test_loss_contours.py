import pytest

from surefoot.plots.loss_contours import BAND_COUNT, loss_bands
from surefoot.surfaces import SURFACES, surface_named


@pytest.mark.parametrize("name", [name for name, kind in SURFACES.items() if kind().dimensions == 2])
def test_the_lowest_band_lies_at_the_minimum(name):
    surface = surface_named(name)
    bands = loss_bands(surface, 200, 200)
    (left, right), (low, high) = surface.box
    x, y = surface.minima[0]
    row, column = int((high - y) / (high - low) * 200), int((x - left) / (right - left) * 200)
    assert (bands.min(), bands.max()) == (bands[row - 1 : row + 2, column - 1 : column + 2].min(), BAND_COUNT - 1)
