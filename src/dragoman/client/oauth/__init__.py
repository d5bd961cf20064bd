"""Signing in to a server by OAuth 2.1, as its client; loaded when a server asks for it."""
