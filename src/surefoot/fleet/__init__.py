"""Fleets: many recipes trained together."""
