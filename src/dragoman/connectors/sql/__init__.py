"""Databases for agents: read-only SQL, checked twice and capped."""

from dragoman.connectors.sql.connector import Sql

__all__ = ["Sql"]
