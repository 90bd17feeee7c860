"""Masks arguments of tools in what LiteLLM records of calls: its rows of spend, and what others are told from them.

A callback of LiteLLM, by the hook that its documentation has for this (`async_logging_hook`); LiteLLM runs it before
it tells anybody of a call. What the server gets is not touched. The patterns are beside this file, as JSON.
"""

import json
import re
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger  # type: ignore[import-not-found,unused-ignore]

CALL = "mcp_tool_call_metadata"


def masked(value: Any, patterns: dict[str, re.Pattern[str]]) -> Any:
    """The same value with `[kind]` in place of what a kind's pattern finds, names of fields included."""
    if isinstance(value, dict):
        return {masked(name, patterns): masked(each, patterns) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each, patterns) for each in value]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    text = str(value)
    for kind, pattern in patterns.items():
        text = pattern.sub(f"[{kind}]", text)
    return value if text == str(value) else text


class Masker(CustomLogger):  # type: ignore[misc,unused-ignore]
    def __init__(self, patterns: dict[str, str]) -> None:
        super().__init__()
        self.patterns = {kind: re.compile(pattern, re.ASCII) for kind, pattern in patterns.items()}

    async def async_logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[Any, Any]:  # noqa: ARG002
        metadata = (kwargs.get("standard_logging_object") or {}).get("metadata") or {}
        for holder in (kwargs, metadata):
            call = holder.get(CALL)
            if call:
                holder[CALL] = {**call, "arguments": masked(call.get("arguments"), self.patterns)}
        return kwargs, result


masker = Masker(json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")))
