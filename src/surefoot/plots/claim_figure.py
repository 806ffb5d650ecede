"""The figure of a claim, whatever its kind."""

from __future__ import annotations

import altair as alt

from surefoot.explanation.claim import Claim
from surefoot.explanation.figure import Courses, Ends, Plane, Ranges
from surefoot.plots.claim_courses import claim_courses
from surefoot.plots.claim_ends import claim_ends
from surefoot.plots.claim_plane import claim_plane
from surefoot.plots.claim_ranges import claim_ranges
from surefoot.plots.claim_ways import claim_ways


def claim_figure(claim: Claim) -> alt.LayerChart:
    """Return the figure that is to be seen with a claim."""
    figure = claim.figure
    if isinstance(figure, Courses):
        return claim_courses(figure)
    if isinstance(figure, Ends):
        return claim_ends(figure)
    if isinstance(figure, Plane):
        return claim_plane(figure)
    if isinstance(figure, Ranges):
        return claim_ranges(figure)
    return claim_ways(figure)
