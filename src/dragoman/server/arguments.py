"""Arguments of a call: raw JSON -> typed values in one strict decode, or one sentence on what is wrong.

The happy path is one Python frame around msgspec. Everything else here runs only after that has refused: a second
look at each argument (`leniency.py`) and the sentence for the model (`complaints.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec import MsgspecError, Raw

from dragoman.server import complaints
from dragoman.server.annotations import build
from dragoman.server.leniency import mend, parse, takes_null, write

Values = tuple[Any, ...]
_MOST_COMPLAINTS: Final = 5


class ArgumentsError(Exception):
    """The arguments do not fit the parameters.

    Args:
        message: one or more sentences for the model: which argument, what was expected, what came.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Argument:
    """One argument as it is read.

    Args:
        name: its name on the wire.
        kind: a type that msgspec decodes.
        default: makes the value when it is left out; None when it must be there. Never a Python function of
            ours: it runs on the happy path.
    """

    def __init__(self, name: str, kind: Any, default: Callable[[], Any] | None) -> None:
        self.name = name
        self.kind = kind
        self.default = default

    @cached_property
    def info(self) -> msgspec.inspect.Type:
        """The type, taken apart."""
        return msgspec.inspect.type_info(self.kind)

    @cached_property
    def _decode(self) -> Callable[[bytes | Raw], Any]:
        return msgspec.json.Decoder(self.kind, dec_hook=build).decode

    def read(self, raw: Raw) -> Any:
        """Decode one value, mended where that is needed and loses nothing.

        Raises:
            _RefusedError: it does not fit; the message names it.
        """
        try:
            return self._decode(raw)
        except (MsgspecError, UnicodeDecodeError) as error:
            refused = error
        try:
            sent = parse(raw)
        except (MsgspecError, UnicodeDecodeError) as error:
            raise _RefusedError(f"Argument '{self.name}' is not JSON: {error}.") from None
        if sent is None and self.default is not None and not takes_null(self.info):
            return self.default()
        mended = mend(sent, self.info)
        try:
            return self._decode(write(mended))
        except (MsgspecError, UnicodeDecodeError):
            raise _RefusedError(complaints.sentence(self.name, self.info, str(refused), sent)) from None


class _RefusedError(Exception):
    """One argument does not fit."""


def arguments_struct(function: str, arguments: Sequence[Argument]) -> type[msgspec.Struct]:
    """Make the struct that one call's arguments are decoded into; its fields stand in the order given."""
    fields = [
        (f"a{index}", one.kind)
        if one.default is None
        else (f"a{index}", one.kind, msgspec.field(default_factory=one.default))
        for index, one in enumerate(arguments)
    ]
    return msgspec.defstruct(
        f"Arguments of {function}",
        fields,
        rename={f"a{index}": one.name for index, one in enumerate(arguments)},
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def bind(
    struct: type[msgspec.Struct], arguments: Sequence[Argument]
) -> tuple[Callable[[bytes | Raw], Values], Callable[[Mapping[str, str]], Values]]:
    """Make the two decoders of a function: of raw JSON, and of texts (prompt arguments, URI variables).

    Both raise ArgumentsError.
    """
    strict = msgspec.json.Decoder(struct, dec_hook=build).decode
    values_of = msgspec.structs.astuple
    refusals = (MsgspecError, UnicodeDecodeError, RecursionError)

    def decode(raw: bytes | Raw) -> Values:
        try:
            return values_of(strict(raw))
        except refusals:
            return _second_look(arguments, _members(raw))

    def decode_strings(texts: Mapping[str, str]) -> Values:
        try:
            return values_of(strict(msgspec.json.encode(texts)))
        except refusals:
            return _second_look(arguments, {name: Raw(msgspec.json.encode(text)) for name, text in texts.items()})
        except UnicodeEncodeError:
            raise ArgumentsError("An argument holds half of a surrogate pair, which no text may.") from None

    return decode, decode_strings


def _members(raw: bytes | Raw) -> dict[str, Raw]:
    """Take the arguments apart; null and nothing are no arguments, and a JSON text of an object is one."""
    if not bytes(raw).strip():
        return {}
    try:
        sent = msgspec.json.decode(raw, type=dict[str, Raw] | str | None)
        if isinstance(sent, str):
            sent = msgspec.json.decode(sent, type=dict[str, Raw])
    except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = "" if isinstance(error, msgspec.ValidationError) else f" ({error})"
        raise ArgumentsError(f"The arguments must be a JSON object of names and values{reason}.") from None
    return sent or {}


def _second_look(arguments: Sequence[Argument], sent: Mapping[str, Raw]) -> Values:
    """Read each argument by itself, and name all that is wrong at once."""
    known = [one.name for one in arguments]
    wrong = [complaints.unknown(name, known) for name in sent if name not in known]
    missing = [one.name for one in arguments if one.default is None and one.name not in sent]
    if missing:
        wrong.append(complaints.missing(missing))
    values = []
    for one in arguments:
        if one.name in sent:
            try:
                values.append(one.read(sent[one.name]))
            except _RefusedError as refused:
                wrong.append(str(refused))
            except RecursionError:
                wrong.append(f"Argument '{one.name}' is nested too deeply.")
        elif one.default is not None:
            values.append(one.default())
    if wrong:
        raise ArgumentsError(" ".join(wrong[:_MOST_COMPLAINTS]))
    return tuple(values)
