"""Verdicts and sentences in words, the same for the terminal, the pages and the figures."""
