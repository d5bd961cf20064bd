"""Pydantic in signatures, for users who have it; Dragoman itself never imports it.

Asked only when `pydantic` is already among the loaded modules: who has not imported it cannot have used it.
Whatever contains a pydantic model or `Field` is read, described and written by pydantic alone, by its own rules.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from math import isfinite
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin

Schema = dict[str, Any]
REF_TEMPLATE = "#/$defs/{model}"


def loaded() -> ModuleType | None:
    """Return pydantic if the user has imported it."""
    return sys.modules.get("pydantic")


def is_model(kind: Any) -> bool:
    """Say whether this is a pydantic model or a pydantic dataclass."""
    pydantic = loaded()
    return (
        pydantic is not None
        and isinstance(kind, type)
        and (issubclass(kind, pydantic.BaseModel) or pydantic.dataclasses.is_pydantic_dataclass(kind))
    )


def is_field(value: Any) -> bool:
    """Say whether this is what `pydantic.Field(...)` returns."""
    pydantic = loaded()
    return pydantic is not None and isinstance(value, pydantic.fields.FieldInfo)


def owns(annotation: Any) -> bool:
    """Say whether a part of this annotation is pydantic's, which makes the whole of it pydantic's."""
    if loaded() is None:
        return False
    if is_model(annotation) or is_field(annotation):
        return True
    if type(annotation).__module__.partition(".")[0] == "pydantic":  # BeforeValidator, StringConstraints ...
        return True
    if get_origin(annotation) is Annotated:
        return owns(annotation.__origin__) or any(map(owns, annotation.__metadata__))
    return any(map(owns, get_args(annotation)))


def convert(kind: type, value: Any) -> Any:
    """Validate a model that stands inside a type of msgspec's.

    Raises:
        NotImplementedError: the type is not pydantic's.
        ValueError: the value does not fit.
    """
    if not is_model(kind):
        raise NotImplementedError(f"no JSON value becomes {kind!r}")
    return Model(kind).convert(value)


class Model:
    """What pydantic reads from and writes to JSON for one annotation.

    Args:
        annotation: any annotation that pydantic takes.

    Raises:
        TypeError: pydantic does not take it.
    """

    def __init__(self, annotation: Any) -> None:
        pydantic: Any = loaded()
        try:
            self._adapter = pydantic.TypeAdapter(annotation)
        except pydantic.errors.PydanticUserError as error:
            raise TypeError(f"pydantic refuses it: {error.message}") from error
        self._fault: type[ValueError] = pydantic.ValidationError
        self._serialization_faults: tuple[type[Exception], ...] = (
            pydantic.ValidationError,
            pydantic.errors.PydanticUserError,
            sys.modules["pydantic_core"].PydanticSerializationError,
        )

    def convert(self, value: Any) -> Any:
        """Validate a decoded JSON value; ValueError says what is wrong in one sentence."""
        try:
            return self._adapter.validate_python(value)
        except self._fault as error:
            raise ValueError(_sentence(error)) from error

    def schema(self, *, output: bool = False) -> Schema:
        """Describe the JSON that is read, or with `output` the JSON that is written; may have `$defs`."""
        mode = "serialization" if output else "validation"
        pydantic: Any = loaded()
        try:
            described: Schema = self._adapter.json_schema(ref_template=REF_TEMPLATE, mode=mode)
        except pydantic.errors.PydanticUserError as error:
            raise TypeError(f"pydantic cannot describe it: {error.message}") from error
        return described

    def encode(self, value: Any) -> bytes:
        """Validate a returned value and write it as JSON; ValueError says what is wrong."""
        try:
            checked = self._adapter.validate_python(value)
            data: bytes = self._adapter.dump_json(checked, by_alias=True, warnings="error")
        except self._serialization_faults as error:
            raise ValueError(_sentence(error)) from error
        if b"null" in data and not _finite(self._adapter.dump_python(checked)):
            raise ValueError("It holds a number that is NaN or infinite, which JSON cannot say")
        return data


@dataclass(frozen=True, slots=True)
class FieldParts:
    """What `Field(...)` says of a parameter.

    Args:
        annotation: the parameter's, with the field's constraints.
        default: `Parameter.empty` when there is none.
        factory: makes the default, or None.
        notes: keywords for the parameter's schema.
        wire: the argument's name, or None when it is the parameter's.
    """

    annotation: Any
    default: Any
    factory: Callable[[], Any] | None
    notes: Schema
    wire: str | None


def field_parts(annotation: Any, field: Any) -> FieldParts:
    """Take `Field(...)` apart.

    Args:
        annotation: what the parameter is annotated with.
        field: what `Field` returned.
    """
    undefined = sys.modules["pydantic_core"].PydanticUndefined
    for note in field.metadata:
        annotation = Annotated[annotation, note]
    if field.discriminator is not None:
        annotation = Annotated[annotation, type(field)(discriminator=field.discriminator)]
    notes = {name: getattr(field, name) for name in ("title", "description", "examples")}
    extra = field.json_schema_extra
    return FieldParts(
        annotation=annotation,
        default=Parameter.empty if field.default in (undefined, ...) else field.default,
        factory=field.default_factory,
        notes={name: note for name, note in notes.items() if note is not None}
        | (extra if isinstance(extra, dict) else {}),
        wire=field.validation_alias if isinstance(field.validation_alias, str) else field.alias,
    )


def dumped(value: Any) -> Any:
    """Return a model as JSON-able Python values."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    pydantic: Any = loaded()
    return pydantic.RootModel(value).model_dump(mode="json", by_alias=True)


def _sentence(error: Exception) -> str:
    """Pydantic's complaints in one line, without its links."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return str(error)
    parts = []
    for one in errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(step) for step in one["loc"])
        parts.append(f"{path}: {one['msg']}" if path else str(one["msg"]))
    return "; ".join(parts)


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_finite, value))
    return True
