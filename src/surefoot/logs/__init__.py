"""Readers of the logs that trainings write, each to one :class:`surefoot.logs.curve.Curve`."""
