"""A study: everything that a search or a check measured, in a database."""
