"""The relay between an adapter and a client that are both of this test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp_relay import Relay, answered, asked, content_of, events, path_of

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECONDS = 5.0


class Adapter:
    """Answers `initialize` and `echo`; what becomes of any other message is said by its method."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.refuses = False
        self.reader = asyncio.StreamReader()
        self.stream: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, rest = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")
        headers = dict(one.lower().split(": ", 1) for one in rest.strip().split("\r\n"))
        self.requests.append((line, headers))
        if line.startswith("GET /sse ") and not self.refuses:
            self.reader, self.stream = reader, writer
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
            self.say("event: endpoint\ndata: /messages?session=1\n\n")
            return
        if not line.startswith("POST /messages?session=1 "):
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nno token!")
            writer.close()
            return
        message = json.loads(await reader.readexactly(int(headers["content-length"])))
        if message["method"] == "refused":
            writer.write(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")
        elif message["method"] != "vanishes":
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted")
        if message["method"] == "initialize" or message.get("params", {}).get("name") == "echo":
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"said": "x" * 300_000}}
            self.say(f": a comment\n\nevent: message\ndata: {json.dumps(answer)}\n\n")
        writer.close()

    def say(self, text: str) -> None:
        assert self.stream
        # In pieces that begin and end anywhere.
        data = text.encode()
        for at in range(0, len(data), 70_000):
            piece = data[at : at + 70_000]
            self.stream.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


class Client:
    """What LiteLLM is."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port, self.reader, self.writer = port, reader, writer
        self._events = events(self._body())
        self.address = ""

    async def _body(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]

    async def event(self) -> tuple[str, str]:
        async with asyncio.timeout(SECONDS):
            while (content := content_of(await anext(self._events)))[0] == "comment":
                pass
            return content

    async def answer(self) -> dict[str, Any]:
        name, data = await self.event()
        assert name == "message"
        answer: dict[str, Any] = json.loads(data)
        return answer

    async def post(self, method: str, number: int | str | None = None, **params: object) -> int:
        message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        return (await exchange(self.port, "POST", self.address, json.dumps(message)))[0]


async def exchange(port: int, method: str, path: str, body: str = "") -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    async with asyncio.timeout(SECONDS):
        answer = await reader.read()
    writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), content


@asynccontextmanager
async def relayed(adapter: Adapter) -> AsyncIterator[tuple[Client, asyncio.Server]]:
    upstream = await asyncio.start_server(adapter.serve, "127.0.0.1", 0)
    server = await Relay({"git": ("127.0.0.1", port_of(upstream))}).listen(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), limit=2**20)
    writer.write(b"GET /git/sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer of-git\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    client = Client(port_of(server), reader, writer)
    name, client.address = await client.event()
    assert name == "endpoint"
    try:
        yield client, upstream
    finally:
        writer.close()
        server.close()
        upstream.close()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def lost(answer: dict[str, Any]) -> str:
    assert answer["result"]["isError"] is True
    text: str = answer["result"]["content"][0]["text"]
    assert text.startswith("Error: the MCP server git went away during the call, which may have been done or not: ")
    return text


def test_what_an_adapter_answers_goes_through_as_it_is() -> None:
    async def run() -> None:
        adapter = Adapter()
        async with relayed(adapter) as (client, _):
            assert client.address == "/git/messages?session=1"
            assert await client.post("initialize", 0) == 202
            assert (await client.answer())["id"] == 0
            assert await client.post("tools/call", "one", name="echo") == 202
            assert (await client.answer())["result"]["said"] == "x" * 300_000
            (_, headers), *_ = adapter.requests
            assert headers["authorization"] == "bearer of-git"
            assert headers["connection"] == "close"

    asyncio.run(run())


@pytest.mark.parametrize("ends", ["aborted", "half a piece", "as it should"])
def test_calls_that_are_lost_with_the_stream_are_answered_once_each(ends: str) -> None:
    async def run() -> None:
        adapter = Adapter()
        async with relayed(adapter) as (client, _):
            await client.post("tools/call", 1, name="waits")
            await client.post("tools/call", "two", name="waits")
            await client.post("tools/list", 3)
            await client.post("notifications/cancelled")
            assert adapter.stream
            if ends == "aborted":
                adapter.stream.transport.abort()
            else:
                adapter.stream.write(b"100\r\nevent: mess" if ends == "half a piece" else b"0\r\n\r\n")
                adapter.stream.close()
            answers = [await client.answer() for _ in range(3)]
            assert [answer["id"] for answer in answers] == [1, "two", 3]
            assert lost(answers[0]) == lost(answers[1])
            assert "the MCP server git went away" in answers[2]["error"]["message"]
            # The stream is open still, and whatever is asked now is answered as well.
            assert await client.post("tools/call", 4, name="echo") == 202
            assert lost(await client.answer())

    asyncio.run(run())


def test_a_text_with_separators_of_unicode_is_one_line_and_its_call_is_answered_once() -> None:
    async def run() -> None:
        adapter = Adapter()
        async with relayed(adapter) as (client, _):
            await client.post("tools/call", 1, name="waits")
            text = "first\u2028second\x85third"
            answer = {"jsonrpc": "2.0", "id": 1, "result": {"said": text}}
            adapter.say(f"event: message\r\ndata: {json.dumps(answer, ensure_ascii=False)}\r\n\r\n")
            assert (await client.answer())["result"]["said"] == text
            await client.post("tools/call", 2, name="waits")
            assert adapter.stream
            adapter.stream.transport.abort()
            assert (await client.answer())["id"] == 2

    asyncio.run(run())


@pytest.mark.parametrize(("method", "says"), [("refused", "HTTP 503"), ("vanishes", "its connection broke off")])
def test_a_message_that_an_adapter_does_not_take_is_answered(method: str, says: str) -> None:
    async def run() -> None:
        async with relayed(Adapter()) as (client, _):
            assert await client.post(method, 1) == 202
            assert says in (await client.answer())["error"]["message"]
            assert await client.post("tools/call", 2, name="echo") == 202
            assert says in lost(await client.answer())

    asyncio.run(run())


def test_a_call_to_an_adapter_that_is_away_by_now_is_answered() -> None:
    async def run() -> None:
        async with relayed(Adapter()) as (client, upstream):
            upstream.close()
            assert await client.post("tools/call", 1, name="echo") == 202
            assert "Connect call failed" in lost(await client.answer())

    asyncio.run(run())


def test_only_adapters_that_are_named_are_reached_and_only_streams_that_are_open() -> None:
    async def run() -> None:
        adapter = Adapter()
        async with relayed(adapter) as (client, _):
            port = client.port
            before = len(adapter.requests)
            for method, path in [
                ("GET", "/other/sse"),
                ("GET", "/http://127.0.0.1/sse"),
                ("GET", "/git/metrics"),
                ("GET", "/git/"),
                ("GET", "/git"),
                ("GET", "/git/sse/"),
                ("GET", "/git/sse?other=1"),
                ("GET", "/git/sse/../metrics"),
                ("GET", client.address),
                ("POST", "/git/messages?session=2"),
                ("POST", "/git/sse"),
                ("DELETE", "/git/messages?session=1"),
            ]:
                assert (await exchange(port, method, path))[0] == 404
            assert len(adapter.requests) == before
            # An adapter's own refusal goes through.
            adapter.refuses = True
            assert await exchange(port, "GET", "/git/sse") == (401, b"no token!")

    asyncio.run(run())


def test_an_adapter_that_is_away_from_the_beginning_is_http_502() -> None:
    async def run() -> None:
        server = await Relay({"git": ("127.0.0.1", 9)}).listen(0)
        status, text = await exchange(port_of(server), "GET", "/git/sse")
        assert (status, b"9" in text) == (502, True)
        server.close()

    asyncio.run(run())


def test_nothing_is_kept_of_a_stream_that_is_closed() -> None:
    async def run() -> None:
        adapter = Adapter()
        async with relayed(adapter) as (client, _):
            assert adapter.stream
            client.writer.close()
            # The relay has left the adapter's stream: that is when it has forgotten it.
            async with asyncio.timeout(SECONDS):
                assert await adapter.reader.read() == b""
            assert (await exchange(client.port, "POST", client.address, "{}"))[0] == 404

    asyncio.run(run())


def test_ids_and_addresses() -> None:
    assert asked(b'{"id": 1, "method": "tools/call"}') == ("1", "tools/call")
    assert asked(b'{"id": "1", "method": "tools/call"}') == ('"1"', "tools/call")
    for other in (b'{"method": "x"}', b'{"id": 1, "result": {}}', b"[]", b"no JSON"):
        assert asked(other)[0] is None
    assert answered('{"id": 1, "result": {}}') == "1"
    # A request of the server's own.
    assert answered('{"id": 1, "method": "sampling/createMessage"}') == ""
    assert path_of("http://mcp-git:8000/messages/?a=b") == "/messages/?a=b"
    assert path_of("/messages") == "/messages"
