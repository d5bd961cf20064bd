"""URIs and URI templates: percent-encoding by segment (RFC 3986) and the templates we serve (RFC 6570, level 2).

A template is compiled once, at registration, to one regular expression in which a variable ends at the character that
follows it and is never taken up again, so matching takes linear time. A value is percent-decoded exactly once.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from dragoman.errors import UsageError

_EXPRESSION: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE: Final = re.compile(r"([+]?)([A-Za-z_][A-Za-z0-9_]*)(\*?)")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_SEGMENT_SAFE: Final = "!$&'()*+,;=:@-._~"


def quote_segment(text: str) -> str:
    """Percent-encode one path segment; a slash inside it is encoded too (RFC 3986, 3.3)."""
    return quote(text, safe=_SEGMENT_SAFE)


def quote_path(text: str) -> str:
    """Percent-encode a path, segment by segment; slashes separate."""
    return "/".join(quote_segment(segment) for segment in text.split("/"))


def decode_once(text: str) -> str | None:
    """Percent-decode exactly once; None where an escape is malformed or the bytes are not UTF-8."""
    if "%" not in text:
        return text
    if _ESCAPE.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return None


def is_uri(text: str) -> bool:
    """Whether the text begins with a scheme (RFC 3986, 3.1)."""
    return _SCHEME.match(text) is not None


class Template(Struct, frozen=True):
    """A compiled template: `{name}` takes one segment, `{+name}` (or `{name*}`) takes the rest, slashes included.

    Args:
        text: the template as written.
        prefix: the literal text before the first variable.
        names: the variables, in order.
        pattern: the compiled expression.
    """

    text: str
    prefix: str
    names: tuple[str, ...]
    pattern: re.Pattern[str]

    def match(self, uri: str) -> Mapping[str, str] | None:
        """The decoded variables of a URI that fits, None of one that does not."""
        if not uri.startswith(self.prefix):
            return None
        found = self.pattern.fullmatch(uri)
        if found is None:
            return None
        values = {name: decode_once(value) for name, value in found.groupdict().items()}
        return None if None in values.values() else values  # type: ignore[return-value]

    def expand(self, values: Mapping[str, str]) -> str:
        """The one URI that these values have when nothing is encoded that need not be."""
        return _EXPRESSION.sub(lambda found: quote_path(values[found[1].strip("+*")]), self.text)


class Narrowed(Struct, frozen=True):
    """A template for some of its URIs.

    Args:
        template: the whole.
        takes: whether it is for a URI; asked of the URI as sent and in its one plain form, so that no way to write it
            gets around the answer.
    """

    template: "Template | Narrowed"
    takes: Callable[[str], bool]

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in order."""
        return self.template.names

    def expand(self, values: Mapping[str, str]) -> str:
        """The one URI that these values have when nothing is encoded that need not be."""
        return self.template.expand(values)

    def match(self, uri: str) -> Mapping[str, str] | None:
        """The decoded variables of a URI that fits, None of one that does not."""
        values = self.template.match(uri)
        if values is None or not (self.takes(uri) and self.takes(self.template.expand(values))):
            return None
        return values


def compile_template(text: str) -> Template:
    """Compile a template.

    Raises:
        UsageError: no scheme, no variable, or an expression beyond `{name}`, `{+name}`, `{name*}`.
    """
    if not is_uri(text):
        raise UsageError(f"resource template '{text}': begin it with a scheme, such as 'users://{{user_id}}'.")
    parts: list[str] = []
    names: list[str] = []
    end, has_rest = 0, False
    if {"{", "}"} & set(_EXPRESSION.sub("", text)):
        raise UsageError(f"resource template '{text}': a brace is open or closed alone; write {{name}}, %7B or %7D.")
    for expression in _EXPRESSION.finditer(text):
        variable = _VARIABLE.fullmatch(expression[1])
        if variable is None:
            message = f"resource template '{text}': '{expression[0]}' is not one of {{name}}, {{+name}}, {{name*}}."
            raise UsageError(message)
        if variable[2] in names:
            raise UsageError(f"resource template '{text}': '{variable[2]}' stands twice; name each variable once.")
        if names and expression.start() == end:
            raise UsageError(f"resource template '{text}': put a character between '{names[-1]}' and '{variable[2]}'.")
        names.append(variable[2])
        rest = bool(variable[1] or variable[3])
        if rest and has_rest:
            raise UsageError(f"resource template '{text}': only one variable may take slashes.")
        ends = text[expression.end() : expression.end() + 1]
        if has_rest:  # else every place where the rest could end would be tried to the end of the URI
            ends += text[expression.start() - 1]
        taken = ".+" if rest else f"[^/?#{re.escape(ends)}]++"
        parts += [re.escape(text[end : expression.start()]), f"(?P<{variable[2]}>{taken})"]
        end, has_rest = expression.end(), has_rest or rest
    parts.append(re.escape(text[end:]))
    if not names:
        raise UsageError(f"resource template '{text}' has no variable; register it as a resource.")
    prefix = text[: text.index("{")]
    return Template(text, prefix, tuple(names), re.compile("".join(parts), re.DOTALL))
