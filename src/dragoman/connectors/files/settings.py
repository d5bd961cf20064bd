"""Everything that a `files` connector takes, as data: name, default and help, for `dragoman.toml` and in code."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from dragoman import Bytes, Seconds


class FilesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One folder and what is served of it."""

    path: Annotated[Path, Meta(description="the folder")]
    max_file_bytes: Annotated[Bytes, Meta(description="largest file that is read, bytes")] = 10 * 2**20
    max_reply_bytes: Annotated[Bytes, Meta(description="most bytes of text that one reading returns")] = 32 * 2**10
    max_files: Annotated[int, Meta(ge=1, description="most files that are indexed and listed")] = 50_000
    max_index_bytes: Annotated[Bytes, Meta(description="most bytes of files that are indexed")] = 256 * 2**20
    hard_links: Annotated[
        bool, Meta(description="also serve files with more than one name; one of them may be outside the folder")
    ] = False
    call_seconds: Annotated[Seconds, Meta(description="longest time of one call, seconds")] = 10.0
    threads: Annotated[int, Meta(ge=1, le=256, description="most calls that run at one time; more wait")] = 4
