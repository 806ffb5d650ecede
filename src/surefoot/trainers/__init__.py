"""Trainers: whatever runs trials."""
