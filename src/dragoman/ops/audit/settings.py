"""How the audit log is kept, as data."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from dragoman.settings import Seconds
from dragoman.store.sqlite import state_file

OnFailure = Literal["refuse", "go_on"]

_FOLDER: Final = "audit"


class AuditSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether, where and how what happens is recorded."""

    enabled: Annotated[bool, Meta(description="whether there is an audit log")] = True
    folder: Annotated[
        str | None,
        Meta(description="where it is; by default in the user's state folder", extra={"text": "path"}),
    ] = None
    on_failure: Annotated[
        OnFailure, Meta(description="what becomes of requests while it can't be written: refused, or let go on")
    ] = "refuse"
    synced: Annotated[
        bool, Meta(description="whether each line is forced to the disk before its request is answered; slow")
    ] = False
    keep_seconds: Annotated[
        Seconds | None, Meta(description="how long lines are kept, such as '365d'; for ever by default")
    ] = None

    def place(self) -> Path:
        """Return the folder of the log."""
        return state_file(_FOLDER) if self.folder is None else Path(self.folder)
