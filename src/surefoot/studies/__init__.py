"""Studies: everything that tunes and checks measured, in one database."""
