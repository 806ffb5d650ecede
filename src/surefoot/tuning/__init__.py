"""Tuning: which learning rate, momentum and schedule to use."""
