"""Where the search looks: what may be tried, and the map between the unit cube and recipes."""

from surefoot.search.space.coordinates import Coordinates
from surefoot.search.space.range import Range
from surefoot.search.space.sampling import Box, Point, near, spread
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.space.space_file import load_space

__all__ = [
    "Box",
    "Coordinates",
    "Point",
    "Range",
    "SearchSpace",
    "load_space",
    "near",
    "spread",
]
