"""Useful queries over the music shop, dialect by dialect: each must pass and return what the bare driver returns."""
