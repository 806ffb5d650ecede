"""``surefoot.find`` and ``surefoot.tune``: one search, which knows of a training only its Trainer."""
