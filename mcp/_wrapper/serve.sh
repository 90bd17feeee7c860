#!/bin/sh
# serve.sh <server> [arguments…]: serves a stdio MCP server over HTTP: SSE at /sse, streamable HTTP at /mcp.
# mcp-proxy does not notice when its child dies: it stays up and answers every call with an error and an empty text. So the
# shell between them ends it (it is the shell's parent), and the container's restart policy brings both back.
exec /opt/wrapper/venv/bin/mcp-proxy --host 0.0.0.0 --port 8000 --pass-environment -- \
  sh -c '"$@"; echo "MCP server ended with exit code $?" >&2; kill -TERM $PPID' serve "$@"
