"""Dragoman: an MCP server for what you have and what you write."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msgspec import Meta

    from dragoman.auth.principal import ANONYMOUS, Principal
    from dragoman.client.changes import Change
    from dragoman.client.client import Client
    from dragoman.client.oauth.options import (
        AuthorizationCode,
        ClientCredentials,
        IdentityAssertion,
        JwtBearer,
        OAuth,
    )
    from dragoman.client.oauth.storage import FileTokens, MemoryTokens
    from dragoman.client.questions import Elicitation, SamplingRequest
    from dragoman.client.skills import LoadedSkill, SkillEntry
    from dragoman.client.subscription import Subscription
    from dragoman.client.task_info import TaskInfo
    from dragoman.client.tasks import TaskHandle
    from dragoman.connectors.connector import Connector, Exposed, Finding, Foreseen
    from dragoman.connectors.files.connector import Files
    from dragoman.connectors.sql.connector import Sql
    from dragoman.errors import (
        ClientError,
        ConnectionFault,
        DragomanError,
        InvalidParams,
        RequestTimeout,
        ResourceNotFound,
        ServerFault,
        SettingsError,
        ToolCallError,
        ToolError,
        UsageError,
    )
    from dragoman.limits import Limits
    from dragoman.protocol.apps import Csp
    from dragoman.protocol.asking import CreateMessageResult, ElicitResult, Root, SamplingMessage
    from dragoman.protocol.content import (
        Annotations,
        AudioContent,
        EmbeddedResource,
        Icon,
        ImageContent,
        ResourceContents,
        ResourceLink,
        TextContent,
    )
    from dragoman.protocol.messages import Implementation, ResourceInfo, ToolAnnotations
    from dragoman.protocol.uri import quote_path, quote_segment
    from dragoman.secrets import Secret
    from dragoman.server.context import Context
    from dragoman.server.prompts import Message
    from dragoman.server.questions import Answer, Confirm, Elicit, Roots, Sample, Visit
    from dragoman.server.returns import Audio, File, Image, ToolResult
    from dragoman.server.server import Server
    from dragoman.server.suggest import nearest
    from dragoman.settings import Bytes, Seconds, Url, read_settings
    from dragoman.store.events import MemoryEvents
    from dragoman.store.sqlite import SqliteEvents, SqliteTasks
    from dragoman.store.tasks import MemoryTasks

_HOMES = {
    "ANONYMOUS": "dragoman.auth.principal",
    "Annotations": "dragoman.protocol.content",
    "Answer": "dragoman.server.questions",
    "Audio": "dragoman.server.returns",
    "AudioContent": "dragoman.protocol.content",
    "AuthorizationCode": "dragoman.client.oauth.options",
    "Bytes": "dragoman.settings",
    "Change": "dragoman.client.changes",
    "Client": "dragoman.client.client",
    "ClientCredentials": "dragoman.client.oauth.options",
    "ClientError": "dragoman.errors",
    "Confirm": "dragoman.server.questions",
    "ConnectionFault": "dragoman.errors",
    "Connector": "dragoman.connectors.connector",
    "Context": "dragoman.server.context",
    "CreateMessageResult": "dragoman.protocol.asking",
    "Csp": "dragoman.protocol.apps",
    "DragomanError": "dragoman.errors",
    "Elicit": "dragoman.server.questions",
    "ElicitResult": "dragoman.protocol.asking",
    "Elicitation": "dragoman.client.questions",
    "EmbeddedResource": "dragoman.protocol.content",
    "Exposed": "dragoman.connectors.connector",
    "File": "dragoman.server.returns",
    "FileTokens": "dragoman.client.oauth.storage",
    "Files": "dragoman.connectors.files.connector",
    "Finding": "dragoman.connectors.connector",
    "Foreseen": "dragoman.connectors.connector",
    "Icon": "dragoman.protocol.content",
    "IdentityAssertion": "dragoman.client.oauth.options",
    "Image": "dragoman.server.returns",
    "ImageContent": "dragoman.protocol.content",
    "Implementation": "dragoman.protocol.messages",
    "InvalidParams": "dragoman.errors",
    "JwtBearer": "dragoman.client.oauth.options",
    "Limits": "dragoman.limits",
    "LoadedSkill": "dragoman.client.skills",
    "MemoryEvents": "dragoman.store.events",
    "MemoryTasks": "dragoman.store.tasks",
    "MemoryTokens": "dragoman.client.oauth.storage",
    "Message": "dragoman.server.prompts",
    "Meta": "msgspec",
    "OAuth": "dragoman.client.oauth.options",
    "Principal": "dragoman.auth.principal",
    "RequestTimeout": "dragoman.errors",
    "ResourceContents": "dragoman.protocol.content",
    "ResourceInfo": "dragoman.protocol.messages",
    "ResourceLink": "dragoman.protocol.content",
    "ResourceNotFound": "dragoman.errors",
    "Root": "dragoman.protocol.asking",
    "Roots": "dragoman.server.questions",
    "Sample": "dragoman.server.questions",
    "SamplingMessage": "dragoman.protocol.asking",
    "SamplingRequest": "dragoman.client.questions",
    "Seconds": "dragoman.settings",
    "Secret": "dragoman.secrets",
    "Server": "dragoman.server.server",
    "ServerFault": "dragoman.errors",
    "SettingsError": "dragoman.errors",
    "SkillEntry": "dragoman.client.skills",
    "Sql": "dragoman.connectors.sql.connector",
    "SqliteEvents": "dragoman.store.sqlite",
    "SqliteTasks": "dragoman.store.sqlite",
    "Subscription": "dragoman.client.subscription",
    "TaskHandle": "dragoman.client.tasks",
    "TaskInfo": "dragoman.client.task_info",
    "TextContent": "dragoman.protocol.content",
    "ToolAnnotations": "dragoman.protocol.messages",
    "ToolCallError": "dragoman.errors",
    "ToolError": "dragoman.errors",
    "ToolResult": "dragoman.server.returns",
    "Url": "dragoman.settings",
    "UsageError": "dragoman.errors",
    "Visit": "dragoman.server.questions",
    "nearest": "dragoman.server.suggest",
    "quote_path": "dragoman.protocol.uri",
    "quote_segment": "dragoman.protocol.uri",
    "read_settings": "dragoman.settings",
}

__version__ = "0.1.0"

__all__ = [
    "ANONYMOUS",
    "Annotations",
    "Answer",
    "Audio",
    "AudioContent",
    "AuthorizationCode",
    "Bytes",
    "Change",
    "Client",
    "ClientCredentials",
    "ClientError",
    "Confirm",
    "ConnectionFault",
    "Connector",
    "Context",
    "CreateMessageResult",
    "Csp",
    "DragomanError",
    "Elicit",
    "ElicitResult",
    "Elicitation",
    "EmbeddedResource",
    "Exposed",
    "File",
    "FileTokens",
    "Files",
    "Finding",
    "Foreseen",
    "Icon",
    "IdentityAssertion",
    "Image",
    "ImageContent",
    "Implementation",
    "InvalidParams",
    "JwtBearer",
    "Limits",
    "LoadedSkill",
    "MemoryEvents",
    "MemoryTasks",
    "MemoryTokens",
    "Message",
    "Meta",
    "OAuth",
    "Principal",
    "RequestTimeout",
    "ResourceContents",
    "ResourceInfo",
    "ResourceLink",
    "ResourceNotFound",
    "Root",
    "Roots",
    "Sample",
    "SamplingMessage",
    "SamplingRequest",
    "Seconds",
    "Secret",
    "Server",
    "ServerFault",
    "SettingsError",
    "SkillEntry",
    "Sql",
    "SqliteEvents",
    "SqliteTasks",
    "Subscription",
    "TaskHandle",
    "TaskInfo",
    "TextContent",
    "ToolAnnotations",
    "ToolCallError",
    "ToolError",
    "ToolResult",
    "Url",
    "UsageError",
    "Visit",
    "nearest",
    "quote_path",
    "quote_segment",
    "read_settings",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'dragoman' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
