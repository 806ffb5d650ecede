"""The figure of a claim, whatever its kind."""

from __future__ import annotations

import altair as alt

from surefoot.explanation.claim import Claim
from surefoot.explanation.figure import Courses, Ends, Plane
from surefoot.plots.claim_courses import claim_courses
from surefoot.plots.claim_ends import claim_ends
from surefoot.plots.claim_plane import claim_plane
from surefoot.plots.claim_ranges import claim_ranges


def claim_figure(claim: Claim) -> alt.LayerChart:
    """Return the figure that is to be seen with a claim."""
    figure = claim.figure
    if isinstance(figure, Courses):
        return claim_courses(figure)
    if isinstance(figure, Ends):
        return claim_ends(figure)
    if isinstance(figure, Plane):
        return claim_plane(figure)
    return claim_ranges(figure)
