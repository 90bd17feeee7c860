"""LiteLLM callback that enforces on every tool call what a client's key may call, and writes one audit line for each.

LiteLLM 1.77.3 looks at a key's permissions when it lists tools, and not at all when it calls one. Its documented
extension point, a callback beside config.yaml, is asked before each call. What a key may call is in the key's own
metadata, written by the program that made it; a key without it may call nothing.

Later versions check some of that themselves and hand the callback other data; docs/litellm-versions.md has what each does.
"""

import json
from datetime import datetime, timezone

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

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
    """Server and tool that a call reaches, decided as LiteLLM decides it: by its word, or by the same look-up."""
    name = data["mcp_tool_name"]
    # 1.90 and later (1.83 does not) say it: the server, and the tool without the server's prefix.
    if data.get("mcp_server_name"):
        return data["mcp_server_name"], name
    from litellm.proxy._experimental.mcp_server.mcp_server_manager import global_mcp_server_manager

    sent = await sent_name() or name
    server = global_mcp_server_manager._get_mcp_server_from_tool_name(sent)
    if server is None:
        return None, sent
    return server.name, sent.removeprefix(f"{server.name}-")


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


def refusal(policy, server, tool):
    """Why this call is not allowed, or None."""
    if not isinstance(policy, dict) or not isinstance(policy.get("servers"), dict):
        return "this key has no MCP policy"
    if server is None:
        return "no such tool"
    rule = policy["servers"].get(server)
    if rule is None:
        return f"this key may not use server {server}"
    if rule.get("allow") is not None and tool not in rule["allow"] or tool in rule.get("deny", []):
        return f"this key may not call {tool} of server {server}"
    return None


class Refused(HTTPException):
    def __init__(self, reason):
        super().__init__(status_code=403, detail=reason)


def asks_for_mcp(data):
    tools = data.get("tools")
    return isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("type") == "mcp" for tool in tools)


class GatewayPolicy(CustomLogger):
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

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.log("allowed", kwargs, start_time, end_time)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        # A refusal has its line already.
        if not isinstance(kwargs.get("exception"), Refused):
            self.log("failed", kwargs, start_time, end_time)

    def log(self, outcome, kwargs, start_time, end_time):
        call = kwargs.get("mcp_tool_call_metadata")
        if call is None:
            return
        metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
        audit(
            metadata.get("user_api_key_alias"),
            call.get("mcp_server_name"),
            call.get("name"),
            call.get("arguments"),
            outcome,
            milliseconds=round((end_time - start_time).total_seconds() * 1000),
        )


policy = GatewayPolicy()


def close_routes(*paths):
    """Takes routes away that answer callers without a key; LiteLLM has no setting for it."""
    from litellm.proxy.proxy_server import app

    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) not in paths]


# On 1.77.3 it connects to whatever address an unknown caller writes, the servers behind the gateway among them.
close_routes("/mcp-rest/test/connection")
