"""How much callers may use over time, as data: of a role, a tool, a connector, or everybody."""

from typing import Annotated

from msgspec import Meta, Struct

DAY = 86_400.0


class Quota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one caller may use; what is left out is not limited."""

    calls_per_second: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="requests in a second; that many at once, too")
    ] = None
    calls_per_minute: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="requests in a minute; that many at once, too")
    ] = None
    concurrent_calls: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="requests that are answered at one time")
    ] = None
    rows_per_day: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="rows of results in a day")] = None
    bytes_per_day: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="bytes of results in a day")] = None
    tokens_per_day: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="tokens of results in a day, about: a quarter of the bytes"),
    ] = None
    timeout_seconds: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="time a request may take, seconds")
    ] = None
