"""Every limit of the server: name, default, help, in one place.

A limit is a field here or it does not exist: the code reads the field, the reference page and its test read
the same fields. Defaults are safe for a server that strangers can reach.
"""

from typing import Annotated, get_args

from msgspec import Meta, Struct, structs

from dragoman.errors import UsageError


class Limits(Struct, frozen=True, kw_only=True):
    """What one request, session or server may use; every field is a setting with a safe default.

    Raises:
        UsageError: a value is of the wrong type or too low to serve anybody.
    """

    body_bytes: Annotated[int, Meta(ge=1024, description="largest request body or stdio line, bytes")] = 4 * 2**20
    json_depth: Annotated[int, Meta(ge=8, description="deepest nesting of arrays and objects in a message")] = 64
    batch_messages: Annotated[int, Meta(ge=1, description="most messages in one batch (2025-03-26 only)")] = 50
    header_count: Annotated[int, Meta(ge=16, description="most header fields of an HTTP request")] = 64
    header_bytes: Annotated[int, Meta(ge=1024, description="largest header section of an HTTP request, bytes")] = (
        16 * 1024
    )
    url_bytes: Annotated[int, Meta(ge=64, description="longest path and query of an HTTP request, bytes")] = 4096
    header_seconds: Annotated[float, Meta(gt=0, description="time to receive a whole header section, seconds")] = 10.0
    body_seconds: Annotated[float, Meta(gt=0, description="time to receive a whole request body, seconds")] = 30.0
    write_stall_seconds: Annotated[
        float, Meta(gt=0, description="time a client may leave an answer unread before it is dropped, seconds")
    ] = 30.0
    keep_alive_seconds: Annotated[
        float, Meta(gt=0, description="silence on an event stream before a comment keeps it alive, seconds")
    ] = 25.0
    grace_seconds: Annotated[float, Meta(ge=0, description="time calls in flight get at shutdown, seconds")] = 30.0
    end_of_input_seconds: Annotated[
        float, Meta(ge=0, description="time calls in flight get when standard input ends, seconds")
    ] = 1.5
    question_seconds: Annotated[
        float, Meta(gt=0, description="time a client has to answer a question of a tool, seconds")
    ] = 600.0
    request_state_bytes: Annotated[
        int, Meta(ge=1024, description="most that a call may keep with the client between two questions, bytes")
    ] = 64 * 1024
    tasks: Annotated[int, Meta(ge=1, description="most tasks that run at one time")] = 256
    tasks_kept: Annotated[
        int, Meta(ge=1, description="most tasks that are kept; the oldest that have ended give way")
    ] = 10_000
    task_seconds: Annotated[
        float, Meta(gt=0, description="how long a task may run, and is kept after it was made, seconds")
    ] = 3600.0
    task_poll_seconds: Annotated[
        float, Meta(gt=0, description="how often a client is told to ask about a task, seconds")
    ] = 1.0
    task_after_seconds: Annotated[
        float,
        Meta(ge=0, description="how long a call of a tool with task='optional' runs before it becomes one, seconds"),
    ] = 0.5
    disconnect_check_seconds: Annotated[
        float, Meta(gt=0, description="how long a call runs before its client is watched for leaving, seconds")
    ] = 0.05
    sessions: Annotated[int, Meta(ge=1, description="most sessions (revisions up to 2025-11-25) at one time")] = 10_000
    handshake_bytes: Annotated[
        int, Meta(ge=1024, description="largest parameters of 'initialize', which a session keeps, bytes")
    ] = 64 * 1024
    session_idle_seconds: Annotated[
        float, Meta(gt=0, description="time without a request after which a session ends, seconds")
    ] = 3600.0
    replay_bytes: Annotated[
        int, Meta(ge=0, description="most bytes of events kept for clients that lose their connection")
    ] = 16 * 2**20
    replay_seconds: Annotated[
        float, Meta(ge=0, description="how long the events of a stream are kept for such clients, seconds")
    ] = 300.0
    retry_seconds: Annotated[
        float, Meta(ge=0, description="how long a client should wait before it connects again, seconds")
    ] = 1.0
    subscribed_resources: Annotated[
        int, Meta(ge=1, description="resources whose updates one subscription or session may follow")
    ] = 1000
    concurrent_calls: Annotated[int, Meta(ge=1, description="most requests of one stdio connection at one time")] = 64
    threads: Annotated[int, Meta(ge=1, description="threads that run synchronous tools")] = 32
    argument_digits: Annotated[int, Meta(ge=16, description="most digits of a number that is given as text")] = 400
    fresh_seconds: Annotated[
        float, Meta(ge=0, description="how long a client may keep a listing before it asks again, seconds")
    ] = 0.0
    page_size: Annotated[int, Meta(ge=1, description="features on one page of a listing")] = 1000

    def __post_init__(self) -> None:
        for field in structs.fields(self):
            kind, meta = get_args(field.type)
            value = getattr(self, field.name)
            fits = type(value) in (int, kind) and (value > meta.gt if meta.ge is None else value >= meta.ge)
            if not fits:
                least = f"more than {meta.gt}" if meta.ge is None else f"at least {meta.ge}"
                raise UsageError(f"limit '{field.name}' is {value!r}; it takes a number, {least}: {meta.description}.")
