"""The surrogate: the loss to be expected of settings and lengths that were not tried, from those that were."""
