"""The surrogate: expected losses of settings and training lengths that were not tried, from those that were."""
