"""Where the search looks: what may be tried, and the map between the unit cube and recipes."""
