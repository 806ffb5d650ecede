"""Slices of a real task's loss: a plane through the weights, and the trajectories of trainings beside it."""
