"""Recipes: how a network is trained, as data."""

from surefoot.recipe.build import build
from surefoot.recipe.frameworks import FRAMEWORKS, framework_code
from surefoot.recipe.pytorch_code import pytorch_code
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.recipe.scheduler import RecipeScheduler

__all__ = [
    "DEFAULT_RECIPE",
    "FRAMEWORKS",
    "Recipe",
    "RecipeScheduler",
    "build",
    "framework_code",
    "pytorch_code",
]
