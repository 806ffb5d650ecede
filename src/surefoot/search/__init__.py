"""``surefoot.find`` and ``surefoot.tune``: one engine that sees nothing of a training but its Trainer."""
