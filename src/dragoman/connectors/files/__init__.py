"""The `files` connector: a folder of text as a search tool, a reading tool and resources. Read-only."""
