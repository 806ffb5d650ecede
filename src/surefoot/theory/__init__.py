"""Learning rate and momentum on a quadratic: pure functions with known answers."""
