"""Between LiteLLM and the adapters: a stream that breaks off, because an adapter's container crashed, ends here.

LiteLLM 1.77.3 closes a session in another task than it was opened in when a call of it raises, and once in some dozens
of times that cancels all of /mcp/, for every client. It raises when the stream breaks off, or when the answer is an
error of JSON-RPC. So the stream to LiteLLM stays open whatever becomes of the adapter, and each call that is lost is
answered with a result that says so. The rest goes through as it is.

HTTP+SSE of MCP (2024-11-05) alone, on loopback, in LiteLLM's container. Standard library only, and one file: the
launcher runs it.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECT_SECONDS = 10.0
# An adapter takes a message at once: what it comes to is said on the stream.
TAKE_SECONDS = 30.0
# Of LiteLLM's request line and headers, and of an adapter's.
HEAD_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
# Of a header that is for one connection, and of what is said anew.
OWN_HEADERS = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive"}
# An adapter whose host or network is gone sends nothing more, not even the end of its stream.
KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class BrokenOff(Exception):  # noqa: N818
    """What an adapter did not do, in one line."""


@dataclass(frozen=True)
class Head:
    """First line and headers of a message, names in lower case."""

    line: str
    headers: Mapping[str, str]


@dataclass
class Session:
    """A stream that LiteLLM has opened, which it does for each call."""

    server: str
    to_litellm: asyncio.StreamWriter
    # Requests that are not answered yet, by their ids, as the JSON texts that they were written as.
    pending: dict[str, str] = field(default_factory=dict)
    broken: str | None = None

    async def send(self, event: bytes) -> None:
        # LiteLLM may have gone in the meantime; then nobody waits for it.
        with contextlib.suppress(ConnectionError):
            self.to_litellm.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            await self.to_litellm.drain()

    async def break_off(self, reason: str) -> None:
        """Answers what is left, and whatever is asked later."""
        self.broken = reason
        for number in list(self.pending):
            await self.answer_for(number)

    async def answer_for(self, number: str) -> None:
        method = self.pending.pop(number, None)
        if method is None:
            return
        text = f"the MCP server {self.server} went away during the call, which may have been done or not: {self.broken}"
        if method == "tools/call":
            # LiteLLM 1.77.3 drops `isError`: a failure is known by its first word, as an adapter's.
            content = [{"type": "text", "text": f"Error: {text}"}]
            outcome: dict[str, object] = {"result": {"content": content, "isError": True}}
        else:
            outcome = {"error": {"code": -32000, "message": text}}
        message = json.dumps({"jsonrpc": "2.0", "id": json.loads(number), **outcome})
        await self.send(f"event: message\r\ndata: {message}\r\n\r\n".encode())


class Relay:
    """`servers`: host and port of each adapter, by the server's name."""

    def __init__(self, servers: Mapping[str, tuple[str, int]]) -> None:
        self._servers = servers
        # By the path that LiteLLM sends its messages to.
        self._sessions: dict[str, Session] = {}

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", port, limit=HEAD_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._exchange(reader, writer)
        except BROKEN:
            pass  # LiteLLM has gone, or it is somebody else, who is told nothing.
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        method, target, _ = head.line.split(" ", 2)
        server, _, rest = target.removeprefix("/").partition("/")
        if server not in self._servers:
            await respond(writer, 404, b"no such server")
        elif method == "GET" and rest == "sse":
            # An adapter has pages besides, such as its figures, which are nothing of LiteLLM's.
            await self._stream(server, "/sse", head, reader, writer)
        elif method == "POST" and target in self._sessions:
            body = await reader.readexactly(int(head.headers.get("content-length", "0")))
            await self._message(self._sessions[target], f"/{rest}", head, body)
            await respond(writer, 202, b"Accepted")
        else:
            await respond(writer, 404, b"no such stream or session")

    async def _stream(
        self, server: str, path: str, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            answer, upstream, close = await self._ask(server, "GET", path, head)
        except BrokenOff as error:
            await respond(writer, 502, str(error).encode())
            return
        try:
            status = int(answer.line.split(" ", 2)[1])
            if status != 200:
                await respond(writer, status, await first_piece(upstream))
                return
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
                b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            )
            gone = asyncio.create_task(reader.read())
            passing = asyncio.create_task(self._pass_on(Session(server, writer), upstream, gone))
            await asyncio.wait({gone, passing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (gone, passing):
                task.cancel()
            await asyncio.gather(gone, passing, return_exceptions=True)
            # A mistake of this program is in the log, with where it was made.
            if not passing.cancelled():
                passing.result()
        finally:
            close()

    async def _pass_on(self, session: Session, upstream: AsyncIterator[bytes], gone: "asyncio.Task[bytes]") -> None:
        """Events as they come; after the end of them, what is lost is answered until LiteLLM has gone."""
        address: str | None = None
        try:
            try:
                async for event in events(upstream):
                    name, data = content_of(event)
                    if name == "endpoint":
                        address = f"/{session.server}{path_of(data)}"
                        self._sessions[address] = session
                        await session.send(f"event: endpoint\r\ndata: {address}\r\n\r\n".encode())
                        continue
                    if name == "message":
                        session.pending.pop(answered(data), None)
                    await session.send(event)
                reason = "its stream ended"
            except BrokenOff as error:
                reason = str(error)
            # Without an address nothing was asked. LiteLLM makes of the end that there is no session.
            if address is not None:
                await session.break_off(reason)
                await gone
        finally:
            if address is not None:
                del self._sessions[address]

    async def _message(self, session: Session, path: str, head: Head, body: bytes) -> None:
        number, method = asked(body)
        if number is not None:
            session.pending[number] = method
        if session.broken is None:
            try:
                answer, _, close = await self._ask(session.server, "POST", path, head, body)
                try:
                    status = answer.line.split(" ", 2)[1]
                    if not status.startswith("2"):
                        raise BrokenOff(f"it refused the message with HTTP {status}")
                    return
                finally:
                    close()
            except BrokenOff as error:
                # The stream may not have ended yet. It is of no use any more.
                session.broken = str(error)
        if number is not None:
            await session.answer_for(number)

    async def _ask(
        self, server: str, method: str, path: str, head: Head, body: bytes | None = None
    ) -> tuple[Head, AsyncIterator[bytes], Callable[[], None]]:
        """An adapter's answer, with its body. Whatever goes wrong is BrokenOff."""
        host, port = self._servers[server]
        try:
            connecting = asyncio.open_connection(host, port, limit=HEAD_BYTES)
            reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except OSError as error:  # TimeoutError is one.
            raise BrokenOff(why(error)) from None
        try:
            keep_alive(writer)
            headers = {name: value for name, value in head.headers.items() if name not in OWN_HEADERS}
            headers |= {"host": f"{host}:{port}", "connection": "close"}
            if body is not None:
                headers["content-length"] = str(len(body))
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
            await writer.drain()
            answer = await asyncio.wait_for(read_head(reader), TAKE_SECONDS)
        except BaseException as error:
            writer.close()
            if isinstance(error, BROKEN):
                raise BrokenOff(why(error)) from None
            raise
        return answer, pieces(reader, answer), writer.close


BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)


def why(error: BaseException) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "its connection broke off"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) or type(error).__name__


def keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def read_head(reader: asyncio.StreamReader) -> Head:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = text[:-4].split("\r\n")
    headers = {}
    for one in lines:
        name, _, value = one.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Head(line, headers)


async def respond(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} -\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\nconnection: close"
    writer.write(f"{head}\r\n\r\n".encode() + body)
    await writer.drain()


async def pieces(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """A body as it comes. Its end before its time is BrokenOff."""
    try:
        if head.headers.get("transfer-encoding", "").lower() != "chunked":
            while piece := await reader.read(PIECE_BYTES):
                yield piece
            return
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            left = size
            while left:
                piece = await reader.read(min(left, PIECE_BYTES))
                if not piece:
                    raise BrokenOff("its connection broke off")
                left -= len(piece)
                yield piece
            await reader.readexactly(2)
    except BROKEN as error:
        raise BrokenOff(
            "its stream broke off" if isinstance(error, asyncio.IncompleteReadError) else why(error)
        ) from None


async def first_piece(body: AsyncIterator[bytes]) -> bytes:
    """The text of a refusal."""
    try:
        async for piece in body:
            return piece
    except BrokenOff:
        pass  # The status says enough.
    return b""


async def events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Server-sent events as they were written, each with the empty line at its end."""
    parts: list[bytes] = []
    line: list[bytes] = []
    async for piece in body:
        *ended, rest = piece.split(b"\n")
        for end in ended:
            whole = b"".join([*line, end, b"\n"])
            line = []
            parts.append(whole)
            if whole.strip(b"\r\n") == b"":
                yield b"".join(parts)
                parts = []
        if rest:
            line.append(rest)


def content_of(event: bytes) -> tuple[str, str]:
    """Name and data of an event."""
    name, data = "message", []
    # Not by splitlines, which takes more characters for the end of a line: one in a text would cut it off.
    for line in event.decode(errors="replace").split("\n"):
        key, _, value = line.removesuffix("\r").partition(":")
        if key == "event":
            name = value.strip()
        elif key == "data":
            data.append(value.removeprefix(" "))
    return (name, "\n".join(data)) if data else ("comment", "")


def path_of(endpoint: str) -> str:
    """What an adapter says of where messages go: a path, or a whole address of its own."""
    parts = urlsplit(endpoint)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def asked(body: bytes) -> tuple[str | None, str]:
    """The id of a request as JSON, and its method; no id where nothing is to be answered."""
    try:
        message = json.loads(body)
    except ValueError:
        return None, ""
    if not isinstance(message, dict) or "id" not in message or not isinstance(message.get("method"), str):
        return None, ""
    return json.dumps(message["id"]), message["method"]


def answered(data: str) -> str:
    """The id of the request that a message answers, as JSON; empty where it is no answer."""
    try:
        message = json.loads(data)
    except ValueError:
        return ""
    if not isinstance(message, dict) or "method" in message or "id" not in message:
        return ""
    return json.dumps(message["id"])
