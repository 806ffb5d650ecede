"""The built-in tasks; ``catalogue`` lists them without importing torch."""
