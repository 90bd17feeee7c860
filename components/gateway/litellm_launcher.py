"""Runs LiteLLM as a child and starts it again, in place, before its memory runs out.

LiteLLM's mcp 1.10.1 keeps something of every /mcp/ request. Requests come through the ingress, which is told to hold
them while LiteLLM is away, so that no call fails. Without an ingress LiteLLM runs all the same. What stands between
LiteLLM and the adapters (mcp_relay.py) runs in this process. Standard library only: both files are uploaded into
LiteLLM's container, where this one is the entrypoint.

Exit codes: 0 after SIGTERM, 143 after a second one, otherwise the child's own (128 + n when signal n ended it).
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mcp_relay import Relay

Result = TypeVar("Result")

MIB = 1024 * 1024
# For a name to be found and a connection to be made: Docker forwards names that it does not know, and the answer may
# take long.
CONNECT_SECONDS = 5.0
# The ingress and LiteLLM's liveness answer at once, or not at all.
ANSWER_SECONDS = 5.0
ALIVE_POLL_SECONDS = 0.25
RARELY_SECONDS = 3600.0


def log(event: str, **details: object) -> None:
    # One write of less than PIPE_BUF: LiteLLM writes to the same pipe, and lines must not be mixed.
    print(
        json.dumps(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "source": "launcher",
                "event": event,
                **details,
            }
        ),
        flush=True,
    )


async def in_thread(work: Callable[[], Result]) -> Result:
    """
    Like `asyncio.to_thread`, but nobody waits for the thread when the program ends: it may wait long for a name or a
    socket.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():  # Cancelled: nobody wants it any more.
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            outcome: tuple[Result | None, BaseException | None] = (work(), None)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for.
            outcome = (None, error)
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, daemon=True).start()
    return await future


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


async def exchange(method: str, url: str, payload: object, seconds: float) -> Answer | str:
    """What was answered, or why nothing was. Not urllib, which would obey proxy variables."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)

    def request() -> Answer:
        try:
            body = None if payload is None else json.dumps(payload)
            connection.request(method, parts.path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(content))
        except ValueError:
            return Answer(response.status, None)

    try:
        await asyncio.wait_for(in_thread(connection.connect), CONNECT_SECONDS)
        return await asyncio.wait_for(in_thread(request), seconds)
    except (OSError, http.client.HTTPException) as error:  # TimeoutError is an OSError.
        return f"{type(error).__name__}: {error}".removesuffix(": ")


class Ingress:
    """The program that LiteLLM's requests come through."""

    def __init__(self, base: str, hold_seconds: float) -> None:
        self._base = base.rstrip("/")
        self._hold_seconds = hold_seconds
        self._releasing: asyncio.Task[Answer | str] | None = None

    async def hold(self, reason: str, *, force: bool) -> Answer | str:
        # A release that is still on its way must not arrive after the hold and undo it.
        if self._releasing:
            await asyncio.wait({self._releasing})
        return await exchange(
            "POST", f"{self._base}/litellm/hold", {"reason": reason, "force": force}, self._hold_seconds
        )

    async def release(self) -> bool:
        self._releasing = asyncio.create_task(exchange("POST", f"{self._base}/litellm/release", {}, ANSWER_SECONDS))
        answer = await asyncio.shield(self._releasing)
        return isinstance(answer, Answer) and answer.status == 200


def running(answer: Answer | str) -> int | None:
    """How many requests are running still, or None when they are not held."""
    if isinstance(answer, Answer) and answer.status == 200 and isinstance(answer.body, dict):
        count = answer.body.get("running")
        return count if isinstance(count, int) else None
    return None


def quiet_seconds(answer: Answer | str) -> float:
    """For how long no request has reached LiteLLM, as the ingress says; 0 when it does not say."""
    seconds = answer.body.get("quietSeconds") if isinstance(answer, Answer) and isinstance(answer.body, dict) else None
    return float(seconds) if isinstance(seconds, (int, float)) else 0


@dataclass(frozen=True)
class Memory:
    """Of the container, in bytes; what the kernel gives back when asked (clean file pages) is not counted."""

    used: int
    limit: int | None

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0


def read_memory(root: Path) -> Memory:
    def number(name: str) -> int | None:
        text = (root / name).read_text("ascii").strip()
        return None if text == "max" else int(text)

    def statistic(name: str, key: str) -> int:
        for line in (root / name).read_text("ascii").splitlines():
            found, _, value = line.partition(" ")
            if found == key:
                return int(value)
        return 0

    if (root / "memory.current").exists():  # cgroup v2
        return Memory((number("memory.current") or 0) - statistic("memory.stat", "inactive_file"), number("memory.max"))
    # cgroup v1; without a limit the file has a number that no memory reaches.
    used = (number("memory/memory.usage_in_bytes") or 0) - statistic("memory/memory.stat", "total_inactive_file")
    return Memory(used, number("memory/memory.limit_in_bytes"))


class Child:
    """LiteLLM and all that it starts (Prisma's query engine), a session of their own."""

    def __init__(self, command: list[str], pid_file: Path | None, stop_seconds: float) -> None:
        self._pid_file = pid_file
        self._stop_seconds = stop_seconds
        self._ending: asyncio.Task[int] | None = None
        self._burying: asyncio.Task[int] | None = None
        self.started = time.monotonic()
        self.killed = False
        self._process = subprocess.Popen(command, start_new_session=True)
        self.pid = self._process.pid
        if pid_file:
            pid_file.write_text(str(self.pid), "ascii")
        # The child stays a zombie, so that its number, which is the group's too, cannot become another's before the
        # group is dealt with.
        self.exited = asyncio.create_task(in_thread(lambda: os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)))

    async def end(self) -> int:
        """SIGTERM, and SIGKILL for what is left. Asked again, it waits for the same end."""
        if not self._ending:
            self._ending = asyncio.create_task(self._end())
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        # To the child alone: the query engine is needed until LiteLLM has done the last of its work.
        self._forget_pid()
        os.kill(self.pid, signal.SIGTERM)
        await asyncio.wait({self.exited}, timeout=self._stop_seconds)
        self.killed = not self.exited.done()
        return await self.bury()

    async def bury(self) -> int:
        """Kills what is left of the group; the exit code, as a shell has it."""
        if not self._burying:
            self._burying = asyncio.create_task(self._bury())
        return await asyncio.shield(self._burying)

    async def _bury(self) -> int:
        self._forget_pid()
        os.killpg(self.pid, signal.SIGKILL)
        await self.exited
        code = self._process.wait()
        # Whoever adopted the others takes note of their ends; they still have memory and ports until then.
        for _ in range(100):
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                break
            await asyncio.sleep(0.05)
        return 128 - code if code < 0 else code

    def _forget_pid(self) -> None:
        """The healthcheck ends no container whose LiteLLM is away on purpose."""
        if self._pid_file:
            self._pid_file.unlink(missing_ok=True)


class Launcher:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._ingress = Ingress(options.ingress, options.hold_seconds)
        self._child: Child | None = None
        self._alive = False
        self._away_since: float | None = None
        self._restarted: float | None = None
        self._logged: dict[str, float] = {}

    async def run(self) -> int:
        stop, stop_now = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (stop_now if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)

        if self._options.relay:
            await Relay(dict(self._options.relay)).listen(self._options.relay_port)

        # SIGTERM is looked at first: an end that it brought about is not the child's own.
        serving = asyncio.create_task(self._serve())
        code = await first(asyncio.create_task(stop.wait()), serving)
        if code is not None:
            return code
        serving.cancel()
        stopping = asyncio.create_task(self._stop())
        code = await first(asyncio.create_task(stop_now.wait()), stopping)
        if code is not None:
            return code
        stopping.cancel()
        if self._child:
            await self._child.bury()
        log("stopped", at_once=True)
        return 143

    async def _serve(self) -> int:
        """Start after start, until the child ends by itself; its exit code."""
        options = self._options
        while True:
            self._alive = False
            child = self._child = Child(options.command, options.pid_file, options.stop_seconds)
            log("start", pid=child.pid)
            worn_out = asyncio.create_task(self._until_worn_out(child))
            try:
                await asyncio.wait({child.exited, worn_out}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                worn_out.cancel()
            if child.exited.done():
                code = await child.bury()
                log("ended", code=code)
                return code
            worn_out.result()
            self._restarted = time.monotonic()
            await child.end()
            if child.killed:
                log("killed", after_seconds=options.stop_seconds)

    async def _until_worn_out(self, child: Child) -> None:
        """Returns when the child is to be started again; requests are held then, if there is an ingress."""
        options = self._options
        while True:
            answer = await exchange("GET", options.alive_url, None, ANSWER_SECONDS)
            if isinstance(answer, Answer) and answer.status == 200:
                break
            await asyncio.sleep(ALIVE_POLL_SECONDS)
        self._alive = True
        fresh = self._memory()
        details: dict[str, object] = {"seconds": round(time.monotonic() - child.started, 1), **megabytes(fresh)}
        if self._away_since is not None:
            details["seconds_away"] = round(time.monotonic() - self._away_since, 1)
            self._away_since = None
        log("alive", **details)

        released = False
        next_check = time.monotonic() + options.check_seconds
        while True:
            if not released:
                released = await self._ingress.release()
                if not released:
                    self._rarely("no ingress", url=options.ingress)
            if time.monotonic() >= next_check:
                next_check = time.monotonic() + options.check_seconds
                memory = self._memory()
                if memory and self._is_too_much(memory, fresh):
                    if await self._may_restart(memory):
                        return
                    # Whatever became of the question, nothing may stay held.
                    released = False
            until_check = max(0.0, next_check - time.monotonic())
            await asyncio.sleep(until_check if released else min(until_check, options.retry_seconds))

    def _memory(self) -> Memory | None:
        try:
            return read_memory(self._options.cgroup)
        except (OSError, ValueError) as error:
            self._rarely("memory unknown", reason=str(error))
            return None

    def _is_too_much(self, memory: Memory, fresh: Memory | None) -> bool:
        options = self._options
        if memory.share < options.quiet_share:
            return False
        lately = self._restarted is not None and time.monotonic() - self._restarted < options.least_seconds
        # A LiteLLM that takes as much memory when it is new gains nothing by a restart; only when the end is near is
        # the little that it gains worth a pause.
        useless = fresh is not None and fresh.share >= options.quiet_share and memory.share < options.full_share
        if lately or useless:
            self._rarely("memory limit too small", **megabytes(memory), advice="raise litellm-mcp:gateway.memory")
            return False
        return True

    async def _may_restart(self, memory: Memory) -> bool:
        """Asks the ingress to hold requests; True when none is in the way of a restart, or it can wait no longer."""
        options = self._options
        force = memory.share >= options.full_share
        answer = await self._ingress.hold("memory", force=force)
        left = running(answer)
        if not force and left != 0:
            if isinstance(answer, str):
                self._rarely("no ingress", url=options.ingress, reason=answer)
            else:
                self._rarely("hold refused", status=answer.status, answer=answer.body, **megabytes(memory))
            return False
        self._away_since = time.monotonic()
        log("memory restart", forced=force, held=left is not None, running=left, **megabytes(memory))
        if left is not None:
            await asyncio.sleep(max(0, options.settle_seconds - quiet_seconds(answer)))
        return True

    async def _stop(self) -> int:
        options = self._options
        began = time.monotonic()
        child = self._child
        answer = await self._ingress.hold("stopping", force=True)
        left = running(answer)
        log("stop", held=left is not None, running=left, **({"reason": answer} if isinstance(answer, str) else {}))
        if child:
            if left is not None and self._alive and not child.exited.done():
                await asyncio.wait({child.exited}, timeout=max(0, options.settle_seconds - quiet_seconds(answer)))
            code = await child.end()
            log("stopped", seconds=round(time.monotonic() - began, 1), code=code, killed=child.killed)
        return 0

    def _rarely(self, event: str, **details: object) -> None:
        """Once an hour, however often it happens."""
        now = time.monotonic()
        if now - self._logged.get(event, -RARELY_SECONDS) >= RARELY_SECONDS:
            self._logged[event] = now
            log(event, **details)


async def first(signalled: asyncio.Task[Any], work: asyncio.Task[int]) -> int | None:
    """What the work came to, or None when the signal was there before."""
    await asyncio.wait({signalled, work}, return_when=asyncio.FIRST_COMPLETED)
    if signalled.done():
        return None
    signalled.cancel()
    return work.result()


def megabytes(memory: Memory | None) -> dict[str, object]:
    if not memory:
        return {}
    return {"mib": memory.used // MIB, "limit_mib": memory.limit // MIB if memory.limit else None}


def adapter(text: str) -> tuple[str, tuple[str, int]]:
    name, _, address = text.partition("=")
    host, _, port = address.rpartition(":")
    return name, (host, int(port))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ingress", required=True, metavar="URL", help="base URL of the ingress")
    parser.add_argument(
        "--alive-url",
        default="http://127.0.0.1:4000/health/liveliness",
        metavar="URL",
        help="answers 200 when LiteLLM can be used",
    )
    parser.add_argument(
        "--pid-file",
        type=Path,
        metavar="FILE",
        help="holds LiteLLM's process number, except while it is ended on purpose",
    )
    parser.add_argument(
        "--relay",
        type=adapter,
        action="append",
        default=[],
        metavar="NAME=HOST:PORT",
        help="an MCP server's adapter, which LiteLLM finds at --relay-port, path /NAME/sse",
    )
    parser.add_argument("--relay-port", type=int, default=4002, metavar="PORT", help="of loopback")
    parser.add_argument("--cgroup", type=Path, default=Path("/sys/fs/cgroup"), metavar="DIR")
    parser.add_argument("--check-seconds", type=float, default=15, metavar="S", help="between two looks at the memory")
    parser.add_argument(
        "--quiet-share", type=float, default=0.6, metavar="X", help="of the memory limit: restart in a quiet moment"
    )
    parser.add_argument("--full-share", type=float, default=0.8, metavar="X", help="of the memory limit: restart now")
    parser.add_argument("--least-seconds", type=float, default=600, metavar="S", help="between two restarts")
    parser.add_argument(
        "--hold-seconds",
        type=float,
        default=32,
        metavar="S",
        help="for the ingress to answer a hold; it needs up to 30",
    )
    parser.add_argument(
        "--settle-seconds",
        type=float,
        default=0,
        metavar="S",
        help="from the last request to the end of LiteLLM, which writes its spend rows in the meantime",
    )
    parser.add_argument("--stop-seconds", type=float, default=20, metavar="S", help="from SIGTERM to SIGKILL")
    parser.add_argument(
        "--retry-seconds", type=float, default=2, metavar="S", help="between two releases without an answer"
    )
    parser.add_argument("command", nargs="+", help="after --: the command that starts LiteLLM")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(asyncio.run(Launcher(parse(sys.argv[1:])).run()))
