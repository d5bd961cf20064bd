"""Holds what a server sent against the official JSON Schema of the revision in force.

Which definition a message must meet is read from the schema itself: an answer's from the method of its
request, an error's from its code. The revision in force is the one initialize agreed on, or the one the
request names. Nothing of Dragoman is imported here: this is the second opinion.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.interop.wiretap import WireMessage

SCHEMAS = Path(__file__).parents[3] / "shared" / "data" / "schema"
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
UNSAID = "2025-03-26"  # what HTTP without a version header means (2025-06-18, transports, protocol version header)
REVISION_KEY = "io.modelcontextprotocol/protocolVersion"
BATCHES = frozenset({"2025-03-26"})
ENVELOPE = {
    "result": {"jsonrpc", "id", "result"},
    "error": {"jsonrpc", "id", "error"},
    "method": {"jsonrpc", "id", "method", "params"},
}


class Schema:
    """One revision's schema: which definition answers which method, and validators for them.

    Parameters:
        revision: one of REVISIONS.
        closed: also refuse members that a definition does not name, where the schema leaves it open.
    """

    def __init__(self, revision: str, *, closed: bool = False) -> None:
        document = json.loads((SCHEMAS / f"{revision}.json").read_text("utf-8"))
        self.revision = revision
        self._keyword = "$defs" if "$defs" in document else "definitions"
        self._dialect = document["$schema"]
        self.definitions: dict[str, Any] = document[self._keyword]
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._answers = self._read_answers()
        self._errors = self._read_errors()
        if closed:
            self.definitions = {name: _closed(name, body) for name, body in self.definitions.items()}

    def _read_answers(self) -> dict[str, str]:
        """Method of a client's request -> definition of its answer."""
        answers = {}
        for choice in self.definitions["ClientRequest"]["anyOf"]:
            request = choice["$ref"].rpartition("/")[2]
            method = self.definitions[request]["properties"]["method"]["const"]
            stem = request.removesuffix("Request")
            named = [name for name in (f"{stem}ResultResponse", f"{stem}Result") if name in self.definitions]
            answers[method] = [*named, "EmptyResult"][0]
        return answers

    def _read_errors(self) -> dict[int, str]:
        """Error code -> definition of the error object or of the whole message."""
        errors = {}
        for name, body in self.definitions.items():
            parts = [body, *body.get("properties", {}).get("error", {}).get("allOf", ())]
            for part in parts:
                code = part.get("properties", {}).get("code", {}).get("const")
                if code is not None:
                    errors[code] = name
        return errors

    def problems(self, definition: str, value: object) -> list[str]:
        """Say where the value breaks the definition."""
        if definition not in self._validators:
            self._validators[definition] = jsonschema_rs.validator_for(
                {
                    "$schema": self._dialect,
                    "allOf": [{"$ref": f"#/{self._keyword}/{definition}"}],
                    self._keyword: self.definitions,
                }
            )
        return [
            f"{definition} of {self.revision}: at /{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in self._validators[definition].iter_errors(value)
        ]

    def answer(self, method: str, message: dict[str, Any]) -> tuple[str, list[str]]:
        """Check a result message as the answer to a method's request."""
        envelope = "JSONRPCResultResponse" if "JSONRPCResultResponse" in self.definitions else "JSONRPCResponse"
        found = self.problems(envelope, message)
        definition = self._answers.get(method)
        if definition is None:
            return envelope, [*found, f"{self.revision} has no request {method!r}, yet it got a result"]
        part = message if definition.endswith("Response") else message["result"]
        return definition, found + self.problems(definition, part)

    def error(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        """Check an error message, and by its code what the schema says of that error."""
        envelope = "JSONRPCErrorResponse" if "JSONRPCErrorResponse" in self.definitions else "JSONRPCError"
        found = self.problems(envelope, message)
        error = message["error"]
        code = error.get("code") if isinstance(error, dict) else None
        definition = self._errors.get(code) if isinstance(code, int) else None
        if definition is None:
            return envelope, found
        whole = "error" in self.definitions[definition]["properties"]
        return definition, found + self.problems(definition, message if whole else error)

    def spoken(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        """Check a notification or request that the server sent of its own accord."""
        definition = "ServerRequest" if "id" in message else "ServerNotification"
        if definition not in self.definitions:
            return definition, [f"{self.revision} has no requests from the server, yet it sent {message['method']!r}"]
        return definition, self.problems(definition, message)


def _closed(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Refuse unnamed members, except where being open is the definition's meaning."""
    # The older schemas leave the envelope out of requests and notifications.
    is_open = name in _OPEN or name.endswith(("Request", "Notification"))
    if "properties" not in body or body.get("additionalProperties", {}) != {} or is_open:
        return body
    return {**body, "additionalProperties": False}


# Envelopes refer to Result; a MetaObject and its kin hold anyone's keys; capabilities may be vendors' own.
_OPEN = frozenset(
    {
        "Result",
        "MetaObject",
        "ResultMetaObject",
        "NotificationMetaObject",
        "SubscriptionsListenResultMetaObject",
        "ServerCapabilities",
        "Error",
    }
)


@cache
def schema_of(revision: str, *, closed: bool = False) -> Schema:
    """Read a revision's schema once."""
    return Schema(revision, closed=closed)


@dataclass
class Verdict:
    """What the check found.

    Attributes:
        problems: one sentence each; empty when everything the server sent holds.
        checked: how many messages met which definition, so that silence is not taken for consent.
        revisions: the revisions in force for the messages checked.
        unanswered: requests that never got an answer, as "channel method".
    """

    problems: list[str] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    revisions: set[str] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)


@dataclass
class _Asked:
    method: str
    revision: str
    params: dict[str, Any]


class _Check:
    """Walks through a recording in order."""

    def __init__(self, *, closed: bool) -> None:
        self.verdict = Verdict()
        self._closed = closed
        self._agreed: dict[str, str] = {}  # session or channel -> revision that initialize agreed on
        self._open: dict[tuple[str, str], _Asked] = {}  # (channel, id with its type) -> request

    def client(self, message: WireMessage) -> None:
        try:
            decoded = message.decode()
        except ValueError:
            return  # what a client sends wrong is for the server to answer, not for this check
        for part in decoded if isinstance(decoded, list) else [decoded]:
            if isinstance(part, dict) and "method" in part and "id" in part:
                params = part.get("params") or {}
                revision = self._revision(message, part["method"], params)
                self._open[message.channel, _key(part["id"])] = _Asked(part["method"], revision, params)

    def server(self, message: WireMessage) -> None:
        try:
            decoded = message.decode()
        except ValueError as error:
            self._problem(message, f"it is no JSON in UTF-8: {error}")
            return
        if isinstance(decoded, list):
            if self._revision(message, "", {}) not in BATCHES:
                self._problem(message, "it is a batch, which this revision does not have")
            for part in decoded:
                self._one(message, part)
        else:
            self._one(message, decoded)

    def end(self) -> Verdict:
        self.verdict.unanswered = [f"{channel} {asked.method}" for (channel, _), asked in self._open.items()]
        return self.verdict

    def _one(self, message: WireMessage, decoded: object) -> None:
        if not isinstance(decoded, dict):
            self._problem(message, "it is no JSON object")
            return
        kinds = [kind for kind in ENVELOPE if kind in decoded]
        if len(kinds) != 1:
            self._problem(message, f"it has {kinds or 'none'} of result, error and method: exactly one must be there")
            return
        if strays := decoded.keys() - ENVELOPE[kinds[0]]:
            self._problem(message, f"its envelope has members that JSON-RPC does not know: {sorted(strays)}")
        if kinds[0] == "method":
            revision = self._revision(message, "", decoded.get("params") or {})
            self._note(message, revision, *self._schema(revision).spoken(decoded))
            return
        asked = self._open.pop((message.channel, _key(decoded.get("id"))), None)
        if asked is None:
            if kinds[0] == "result" or decoded.get("id") is not None:
                self._problem(message, "no open request on this channel has its id")
                return
            asked = _Asked("", self._revision(message, "", {}), {})
        if kinds[0] == "error":
            self._note(message, asked.revision, *self._schema(asked.revision).error(decoded))
            return
        revision = asked.revision
        if asked.method == "initialize" and isinstance(decoded["result"], dict):
            revision = str(decoded["result"].get("protocolVersion"))
            if revision not in REVISIONS:
                self._problem(message, f"it agrees on {revision!r}, which is no revision")
                return
            self._agreed[message.session or message.channel] = revision
        self._note(message, revision, *self._schema(revision).answer(asked.method, decoded))

    def _schema(self, revision: str) -> Schema:
        return schema_of(revision, closed=self._closed)

    def _revision(self, message: WireMessage, method: str, params: dict[str, Any]) -> str:
        """The revision in force: named by the request itself, agreed on before, or the wire's default."""
        meta = params.get("_meta")
        named = meta.get(REVISION_KEY) if isinstance(meta, dict) else None
        if method == "initialize":
            named = params.get("protocolVersion")
        agreed = self._agreed.get(message.session or message.channel)
        for candidate in (named, message.revision, agreed):
            if candidate is not None:
                return candidate if candidate in REVISIONS else REVISIONS[-1]
        return UNSAID if message.channel.startswith("http") else REVISIONS[-1]

    def _note(self, message: WireMessage, revision: str, definition: str, problems: list[str]) -> None:
        self.verdict.checked[definition] += 1
        self.verdict.revisions.add(revision)
        for problem in problems:
            self._problem(message, problem)

    def _problem(self, message: WireMessage, problem: str) -> None:
        excerpt = message.text[:300].decode("utf-8", "replace")
        self.verdict.problems.append(f"{message.channel}: {problem}\n    in {excerpt}")


def _key(request_id: object) -> str:
    """An id with its type: 1 and "1" are two ids."""
    return f"{type(request_id).__name__}:{request_id}"


def check(messages: Iterable[WireMessage], *, closed: bool = False) -> Verdict:
    """Check everything the server sent in a recording.

    Parameters:
        messages: both directions, in order.
        closed: also call it a problem when an object has members its definition does not name.
    """
    walk = _Check(closed=closed)
    for message in messages:
        (walk.client if message.sender == "client" else walk.server)(message)
    return walk.end()
