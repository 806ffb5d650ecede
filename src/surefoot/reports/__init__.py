"""Reports from results: tables for the terminal, HTML pages, TensorBoard event files."""
