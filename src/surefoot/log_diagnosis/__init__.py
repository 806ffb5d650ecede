"""``surefoot.diagnose``: what a training log says about learning rate and momentum; imports no torch."""
