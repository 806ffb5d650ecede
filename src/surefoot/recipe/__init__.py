"""A recipe: an optimizer whose every hyperparameter is a schedule, as data and as torch objects."""
