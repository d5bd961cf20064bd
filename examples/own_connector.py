"""A connector of your own: a CSV file as tools and a resource.

The connectors that ship are written the same way, on the public names alone:

    python examples/own_connector.py prices.csv
"""

import asyncio
import csv
import sys
from pathlib import Path
from typing import Annotated

from dragoman import Connector, Meta, Server, ToolAnnotations, ToolError


class Table(Connector):
    """A CSV file: the tool `<name>_find` and the resource `csv://<name>`.

    Args:
        name: What the tool and the URI are called after.
        path: The file; its first line names the columns.
    """

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._path = path
        self._rows: list[dict[str, str]] = []

    def attach(self, server: Server) -> None:
        """Add the features."""
        reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
        server.add_tool(self.find, name=f"{self.name}_find", annotations=reads)
        server.add_resource(f"csv://{self.name}", self.text, name=self.name, mime_type="text/csv")

    async def start(self) -> None:
        """Read the file before the first request."""
        self._rows = await asyncio.to_thread(self._read)

    async def health(self) -> str | None:
        """Say what is wrong with the file, if anything is."""
        return None if self._path.is_file() else f"The file '{self._path.name}' is gone."

    async def find(
        self, column: str, value: str, limit: Annotated[int, Meta(ge=1, le=100)] = 10
    ) -> list[dict[str, str]]:
        """Find rows by the value of a column.

        Args:
            column: The column's name.
            value: What the row must hold there.
            limit: Most rows to return.
        """
        columns = list(self._rows[0]) if self._rows else []
        if column not in columns:
            raise ToolError(f"There is no column '{column}'; there are {', '.join(columns) or 'none'}.")
        return [row for row in self._rows if row[column] == value][:limit]

    def text(self) -> str:
        """The whole file."""
        return self._path.read_text(encoding="utf-8")

    def _read(self) -> list[dict[str, str]]:
        with self._path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def make(path: Path) -> Server:
    """A server of one table."""
    server = Server("tables", "1.0")
    server.connect(Table("prices", path))
    return server


if __name__ == "__main__":
    make(Path(sys.argv[1])).run()
