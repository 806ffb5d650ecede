"""Schedules: pure functions of the training step, for learning rate, momentum and weight decay alike."""
