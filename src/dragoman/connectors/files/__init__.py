"""The `files` connector: a folder of text as a search tool, a reading tool and resources. Read-only."""

from dragoman.connectors.files.connector import Files

__all__ = ["Files"]
