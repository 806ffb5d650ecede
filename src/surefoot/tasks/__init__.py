"""A task: model, objective, data and batches of a training, and the ways to load one. Importing it loads no torch."""
