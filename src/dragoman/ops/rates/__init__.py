"""Limits on what callers use over time: calls, rows, bytes and tokens."""
