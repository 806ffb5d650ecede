"""``surefoot.diagnose``: what the log of a training says of its learning rate and momentum; no import of torch."""
