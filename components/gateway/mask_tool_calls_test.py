"""The callback without LiteLLM, which the tests do not have: its base class is an empty one here."""

import asyncio
import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_name("mask_tool_calls.py")
PATTERNS = {"email": r"[a-z]+@[a-z.]+", "card": r"\b4[0-9]{15}\b"}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("litellm", "litellm.integrations"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    logger = types.ModuleType("litellm.integrations.custom_logger")
    logger.CustomLogger = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, logger.__name__, logger)
    file = tmp_path / SOURCE.name
    file.write_text(SOURCE.read_text("utf-8"), "utf-8")
    file.with_suffix(".json").write_text(json.dumps(PATTERNS), "utf-8")
    spec = importlib.util.spec_from_file_location("mask_tool_calls", file)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_arguments_are_masked_in_both_places_and_nothing_else_is(module: Any) -> None:
    arguments = {"to": ["a jane@x.org b"], "number": 4111111111111111, "n": 3, "ok": True, "bob@y.org": None}
    call = {"name": "send", "arguments": arguments, "mcp_server_cost_info": {"default_cost_per_query": 0.5}}
    kwargs = {
        "mcp_tool_call_metadata": call,
        "standard_logging_object": {"metadata": {"mcp_tool_call_metadata": call, "user_api_key_alias": "me@x.org"}},
    }
    result = object()
    given, same = asyncio.run(module.masker.async_logging_hook(kwargs, result, "call_mcp_tool"))
    expected = {
        **call,
        "arguments": {"to": ["a [email] b"], "number": "[card]", "n": 3, "ok": True, "[email]": None},
    }
    assert same is result
    assert given["mcp_tool_call_metadata"] == expected
    metadata = given["standard_logging_object"]["metadata"]
    assert metadata == {"mcp_tool_call_metadata": expected, "user_api_key_alias": "me@x.org"}
    # The server gets these.
    assert arguments["to"] == ["a jane@x.org b"]


def test_a_request_of_a_model_stays_as_it_is(module: Any) -> None:
    kwargs = {"messages": [{"role": "user", "content": "jane@x.org"}], "standard_logging_object": None}
    assert asyncio.run(module.masker.async_logging_hook(kwargs, None, "acompletion")) == (kwargs, None)
