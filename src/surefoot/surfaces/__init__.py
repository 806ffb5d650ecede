"""Surfaces of one and two parameters with known minima, and descent on them with the library's own update rules."""
