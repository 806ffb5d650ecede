"""Hypothesis draws the same examples in every run, and a busy machine fails no test."""

from hypothesis import settings

settings.register_profile("surefoot", deadline=None, derandomize=True)
settings.load_profile("surefoot")
