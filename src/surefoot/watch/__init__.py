"""``surefoot.Watch``: watches a PyTorch training loop while it runs, and changes nothing in it."""
