"""Reports from results: the terminal's tables, one HTML page, TensorBoard's event files."""
