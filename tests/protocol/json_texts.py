"""JSON and what looks like it, for fuzzing, with a plain reader of nesting to compare ours with."""

from hypothesis import strategies as st

JSON_LIKE = st.lists(
    st.sampled_from(
        [b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b"\\\\", b",", b":", b"a", "é".encode(), b" ", b'""']
    ),
    max_size=60,
).map(b"".join)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)

MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0", 2, None])},
    optional={
        "id": st.integers(-(2**54), 2**54) | st.text(max_size=300) | st.none() | st.floats(allow_nan=False),
        "method": st.sampled_from(["ping", "tools/call", ""]) | st.text(max_size=20) | st.none(),
        "params": JSON_VALUES,
        "result": JSON_VALUES,
        "error": JSON_VALUES,
    },
)


def deepest(body: bytes) -> int:
    """How deep a body nests, one character at a time."""
    level = most = 0
    inside = escaped = False
    for byte in body:
        character = chr(byte)
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            level += 1
            most = max(most, level)
        elif character in "]}":
            level -= 1
    return most


def strays(body: bytes) -> bool:
    """Whether a backslash stands outside of a string: no JSON, and read until there only."""
    inside = False
    at = 0
    while at < len(body):
        if body[at] == ord("\\"):
            if not inside:
                return True
            at += 1
        elif body[at] == ord('"'):
            inside = not inside
        at += 1
    return False
