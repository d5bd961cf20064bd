"""A small shop to serve."""

import sqlite3
from contextlib import closing
from pathlib import Path


def write_shop(file: Path) -> None:
    """Write the database, anew."""
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            """
            CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, email TEXT, region TEXT);
            CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer (id));
            INSERT INTO customer VALUES (1, 'Ada', 'ada@example.com', 'north'), (2, 'Bea', 'b@example.com', 'south'),
                (3, 'Cyd', 'c@example.com', 'north');
            INSERT INTO staff VALUES (1, 'Boss');
            INSERT INTO orders VALUES (1, 1);
            """
        )
