"""A table or a CSV file as a task."""
