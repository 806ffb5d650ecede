"""The textbook's claims on learning rate and momentum, tested on the user's own network or on a surface."""
