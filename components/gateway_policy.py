"""LiteLLM callback that enforces on every tool call what a client's key may call, and writes one audit line for each.

LiteLLM 1.77.3 looks at a key's permissions when it lists tools, and not at all when it calls one. Its documented
extension point, a callback beside config.yaml, is asked before each call. What a key may call is in the key's own
metadata, written by the program that made it; a key without it may call nothing.

Later versions check some of that themselves and hand the callback other data; docs/litellm-versions.md has what each does.
"""

import json
import os
from datetime import datetime, timezone

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

# Set by the program; an answer may be long, and hold more than a log should.
WITH_RESULTS = os.environ.get("MCP_AUDIT_RESULTS") == "true"

# Most tool calls of models remembered; those that the gateway does not carry out are never looked up.
MOST_ASKED = 1000

# metadata.mcp_policy of a key: {"servers": {server: {"allow": [tool…] or null, "deny": [tool…]}}, "everything": bool}
POLICY = "mcp_policy"


def audit(client, server, tool, arguments, outcome, **more):
    """One line of JSON in the container's log; `outcome` is allowed, failed, or refused with its reason."""
    line = {
        "audit": "mcp_call",
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "client": client,
        "server": server,
        "tool": tool,
        "arguments": arguments,
        "outcome": outcome,
        **more,
    }
    print(json.dumps(line, default=str), flush=True)


async def called(data):
    """Server and tool that a call reaches, as LiteLLM says it or, where it does not, as LiteLLM finds them."""
    # 1.90 and later (1.83 does not) say it: the server, and the tool without the server's prefix.
    if data.get("mcp_server_name"):
        return data["mcp_server_name"], data["mcp_tool_name"]
    return by_name(await sent_name() or data["mcp_tool_name"])


def by_name(name):
    """Server and tool that LiteLLM finds by a tool's full name."""
    from litellm.proxy._experimental.mcp_server.mcp_server_manager import global_mcp_server_manager

    server = global_mcp_server_manager._get_mcp_server_from_tool_name(name)
    if server is None:
        return None, name
    return server.name, name.removeprefix(f"{server.name}-")


async def sent_name():
    """
    The tool's name as the client sent it. From 1.77.7 on data["mcp_tool_name"] lacks the server's prefix, and two servers
    may have tools of the same name: looked up by that, a call could be judged by the rules of the wrong one.
    """
    from mcp.server.lowlevel.server import request_ctx

    context = request_ctx.get(None)
    if context is None or context.request is None:
        return None
    # The MCP library has read the body already; the request keeps it.
    message = await context.request.json()
    return message["params"]["name"]


def readable(policy):
    """Whether it has the form that is written above POLICY: `in` finds parts of a text too, where a list is meant."""
    if not isinstance(policy, dict) or not isinstance(policy.get("servers"), dict):
        return False
    return all(
        isinstance(rule, dict) and isinstance(rule.get("allow"), list | None) and isinstance(rule.get("deny"), list)
        for rule in policy["servers"].values()
    )


def refusal(policy, server, tool):
    """Why this call is not allowed, or None."""
    if not readable(policy):
        return "this key has no MCP policy"
    if server is None:
        return "no such tool"
    rule = policy["servers"].get(server)
    if rule is None:
        return f"this key may not use server {server}"
    if rule["allow"] is not None and tool not in rule["allow"] or tool in rule["deny"]:
        return f"this key may not call {tool} of server {server}"
    return None


def texts(answer):
    """What a tool answered: its texts, and the kind of each part that is none."""
    # A list of parts on 1.77.3, the whole CallToolResult on later versions.
    parts = getattr(answer, "content", answer) or []
    return [getattr(part, "text", None) or f"[{getattr(part, 'type', 'unknown')}]" for part in parts]


class Refused(HTTPException):
    def __init__(self, reason):
        super().__init__(status_code=403, detail=reason)


def asks_for_mcp(data):
    tools = data.get("tools")
    return isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("type") == "mcp" for tool in tools)


def asked_for(response):
    """Tool calls in a model's answer: id, name, arguments."""
    for choice in getattr(response, "choices", None) or []:
        for call in getattr(getattr(choice, "message", None), "tool_calls", None) or []:
            yield call.id, call.function.name, parsed(call.function.arguments)


def executed(response):
    """Tools that LiteLLM called by itself for an answer of /v1/responses: id of the call, text of the result."""
    for item in getattr(response, "output", None) or []:
        if isinstance(item, dict) and item.get("type") == "tool_execution_results":
            for result in parsed(item["content"][0]["text"]):
                yield result["tool_call_id"], result["result"]


def remember(memory, key, value):
    memory[key] = value
    if len(memory) > MOST_ASKED:
        memory.pop(next(iter(memory)))


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


class GatewayPolicy(CustomLogger):
    def __init__(self):
        super().__init__()
        # Tool calls that models asked for, by id: the answer that tells what was called has no names.
        self.asked = {}
        # Those that have their line already, by id: later versions treat them as any other call.
        self.told = {}

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        client = getattr(user_api_key_dict, "key_alias", None)
        policy = (getattr(user_api_key_dict, "metadata", None) or {}).get(POLICY)
        # Told by the data: call_type is "mcp_call" up to 1.80 and "call_mcp_tool" from 1.81 on. Both questions are asked, since
        # a client may write any key into the body of a model call.
        if "mcp_tool_name" in data:
            server, tool = await called(data)
            reason = refusal(policy, server, tool)
            if reason:
                audit(client, server, tool, data.get("mcp_arguments"), "refused", reason=reason)
                raise Refused(reason)
        if asks_for_mcp(data) and not (isinstance(policy, dict) and policy.get("everything") is True):
            # The model decides there which tools run, by any name, and LiteLLM asks nobody about them.
            reason = "a model may call tools by itself only for a client that may call every tool"
            audit(client, None, None, None, "refused", reason=reason, route=call_type)
            raise Refused(reason)

    async def async_post_call_success_hook(self, data, user_api_key_dict, response):
        # LiteLLM asks no callback about tools that a model calls on /v1/responses; its answer tells of them.
        for call_id, result in executed(response):
            name, arguments = self.asked.pop(call_id, (None, None))
            if self.told.pop(call_id, False):
                continue
            server, tool = by_name(name) if name else (None, None)
            more = {"result": [result]} if WITH_RESULTS else {}
            audit(user_api_key_dict.key_alias, server, tool, arguments, "allowed", route="/v1/responses", tool_call_id=call_id, **more)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        for call_id, name, arguments in asked_for(response_obj):
            remember(self.asked, call_id, (name, arguments))
        more = {"result": texts(response_obj)} if WITH_RESULTS and is_tool_call(kwargs) else {}
        self.log(kwargs, "allowed", milliseconds=milliseconds(start_time, end_time), **more)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        exception = kwargs.get("exception")
        # What this callback refused has its line already.
        if isinstance(exception, Refused):
            return
        # From 1.77.7 on LiteLLM refuses some calls by itself, before it asks.
        if isinstance(exception, HTTPException) and exception.status_code == 403:
            self.log(kwargs, "refused", reason=exception.detail)
        else:
            self.log(kwargs, "failed", milliseconds=milliseconds(start_time, end_time))

    def log(self, kwargs, outcome, **more):
        if not is_tool_call(kwargs):
            return
        parameters = kwargs.get("litellm_params") or {}
        call = kwargs.get("mcp_tool_call_metadata")
        if call:
            server, tool, arguments = call.get("mcp_server_name"), call.get("name"), call.get("arguments")
        else:
            # Refused before LiteLLM looked for the server.
            body = (parameters.get("proxy_server_request") or {}).get("body") or {}
            server, tool = by_name(body.get("name", ""))
            arguments = body.get("arguments")
        metadata = parameters.get("metadata") or {}
        if metadata.get("tool_call_id"):
            more["tool_call_id"] = metadata["tool_call_id"]
            remember(self.told, more["tool_call_id"], True)
        audit(metadata.get("user_api_key_alias"), server, tool, arguments, outcome, **more)


def is_tool_call(kwargs):
    return kwargs.get("call_type") == "call_mcp_tool"


def milliseconds(start_time, end_time):
    return round((end_time - start_time).total_seconds() * 1000)


policy = GatewayPolicy()


def close_routes(*paths):
    """Takes routes away on which nobody asks this callback; LiteLLM has no setting for it."""
    from litellm.proxy.proxy_server import app

    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) not in paths]


close_routes(
    # On 1.77 it connects to whatever address an unknown caller writes, the servers behind the gateway among them.
    "/mcp-rest/test/connection",
    # On 1.77 it calls any tool for any key that is not denied the route: those made by hand, and the master key.
    "/mcp-rest/tools/call",
)
