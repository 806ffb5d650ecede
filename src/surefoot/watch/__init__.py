"""``surefoot.Watch``: live judgement of a PyTorch loop that changes nothing in it."""
