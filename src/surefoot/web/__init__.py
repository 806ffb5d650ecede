"""The play page: a server for this machine alone."""
