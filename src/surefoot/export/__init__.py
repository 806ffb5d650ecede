"""A recipe as code of PyTorch and of other frameworks."""
