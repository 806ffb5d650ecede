"""Studies: the trials of searches and checks, in an SQLite database."""
