"""Backends turned into features, on the public API only."""
