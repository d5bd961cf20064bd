"""The program that runs DuckDB's statements, in a process of its own with little memory and few rights.

It is started by path and loads of Dragoman only what needs nothing but the standard library and msgspec:
`duckdb_database` does the work. A process, because some of DuckDB's functions can't be interrupted, because only a
process has a memory limit of its own, and because a crash of native code must cost one statement (security
invariants P7 and P17). One process runs one statement at a time; `duckdb` is its only caller.
"""

import sys

if __name__ == "__main__":  # nothing but the standard library is on the path of this program
    sys.path.insert(0, __file__.rpartition("dragoman")[0])
    sys.path += sys.argv[3:]  # where the driver and msgspec are installed

from dragoman.connectors.sql.engines.duckdb_database import confine, serve

if __name__ == "__main__":
    confine(int(sys.argv[1]), int(sys.argv[2]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
