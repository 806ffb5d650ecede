"""Names that --help shows are written out in the command line, so that it need not import torch; they must agree."""

from surefoot.cli.recipe_commands import FRAMEWORKS
from surefoot.cli.search_options import OPTIMIZERS, SAMPLERS, SEARCHABLE_SETTINGS, SEARCHED_SCHEDULES
from surefoot.export import FRAMEWORKS as EXPORTED_FRAMEWORKS
from surefoot.optimizers import RULES
from surefoot.search import samplers
from surefoot.search.space.schedule_shapes import SHAPES
from surefoot.search.space.search_space import usual_settings


def test_every_searchable_setting_has_a_usual_range():
    assert list(usual_settings(SEARCHABLE_SETTINGS)) == list(SEARCHABLE_SETTINGS)


def test_samplers_optimizers_and_schedules_are_those_of_the_registries():
    assert set(SAMPLERS) == set(samplers.SAMPLERS)
    assert list(OPTIMIZERS) == list(RULES)
    assert list(SEARCHED_SCHEDULES) == list(SHAPES)


def test_every_framework_can_be_exported_to():
    assert set(FRAMEWORKS) == set(EXPORTED_FRAMEWORKS)
