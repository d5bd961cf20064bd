"""Which headers mirror a tool's arguments, remembered from the last listing (2026-07-28, Streamable HTTP).

The rules of `x-mcp-header` are the protocol's (`protocol/headers.py`); here is only what was learned and its use.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from dragoman.errors import UsageError
from dragoman.protocol.headers import ParameterHeader, encode_value, plan, render
from dragoman.protocol.messages import ToolInfo

logger: Final = logging.getLogger("dragoman.client")

_NONE: Final[Mapping[str, str]] = {}


class Mirror:
    """The header plans of the tools that have one."""

    def __init__(self) -> None:
        self._plans: dict[str, tuple[ParameterHeader, ...]] = {}  # by tool name

    def learn(self, tools: list[ToolInfo]) -> list[ToolInfo]:
        """Remember the plans of a complete listing, and return the tools whose annotations are valid."""
        plans: dict[str, tuple[ParameterHeader, ...]] = {}
        valid: list[ToolInfo] = []
        for tool in tools:
            try:
                planned = plan(tool.input_schema, tool.name)
            except (UsageError, RecursionError) as error:
                logger.warning("A tool of the server is left out: %s", error)
                continue
            valid.append(tool)
            if planned:
                plans[tool.name] = planned
        self._plans = plans
        return valid

    def headers(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, str]:
        """The `Mcp-Param-*` headers of one call; a value that is absent or null has none."""
        planned = self._plans.get(tool)
        if planned is None:
            return _NONE
        headers: dict[str, str] = {}
        for header in planned:
            value: Any = arguments
            for step in header.path:
                value = value.get(step) if isinstance(value, Mapping) else None
            rendered = render(value)
            if rendered is not None:
                headers[header.name] = encode_value(rendered)
        return headers
