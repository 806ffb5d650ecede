"""The search space: what may be tried, and the map between the unit cube and recipes."""
