"""Slices of a task's training loss: a plane in weight space, with the trajectories of trainings projected onto it."""
