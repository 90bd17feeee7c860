"""Healthcheck of a container that speaks MCP: a real exchange, not a port that is open.

Standard library only, one file, because it runs in two places: in images of MCP servers by
`python3 -c`, and in LiteLLM's container. Exit code 0 is healthy; otherwise 1 and one line that says why.
"""

import argparse
import contextlib
import http.client
import ipaddress
import json
import os
import signal
import sys
import time
from urllib.parse import urljoin, urlsplit

PROTOCOL_VERSION = "2025-06-18"
INITIALIZE = {
    "protocolVersion": PROTOCOL_VERSION,
    "capabilities": {},
    "clientInfo": {"name": "mcp-health", "version": "1.0.0"},
}


class Unhealthy(Exception):
    """What is wrong, in one line."""


def request(method, number=None, params=None):
    message = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        message["id"] = number
    if params is not None:
        message["params"] = params
    return message


def result_of(message, method):
    if "error" in message:
        raise Unhealthy(f"{method} answered {message['error']}")
    return message["result"]


def events(response):
    """Server-sent events as (name, data)."""
    name, data = "message", []
    while line := response.readline():
        field, _, value = line.decode().rstrip("\r\n").partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif not field and data:
            yield name, "\n".join(data)
            name, data = "message", []


def message_numbered(stream, number):
    for _, data in stream:
        message = json.loads(data)
        if message.get("id") == number:
            return message
    raise Unhealthy("the stream ended before the answer came")


class Endpoint:
    """One address, one connection for each exchange; the time limit is the caller's (see `limited`)."""

    def __init__(self, url, headers):
        self.url, self.headers = url, headers

    def send(self, method, url, body=None, headers=None):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {**self.headers, **(headers or {})})
        response = connection.getresponse()
        # A server need not let clients end sessions: 405 to DELETE is a proper answer.
        if response.status >= 400 and (method, response.status) != ("DELETE", 405):
            raise Unhealthy(
                f"{method} {parts.path} answered {response.status} {response.read(200).decode(errors='replace')}"
            )
        return response


class HttpSession(Endpoint):
    """Streamable HTTP."""

    session = {}

    def call(self, method, number=None, params=None):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **self.session}
        response = self.send("POST", self.url, request(method, number, params), headers)
        if method == "initialize":
            identifier = response.headers.get("Mcp-Session-Id")
            self.session = {
                "Mcp-Protocol-Version": PROTOCOL_VERSION,
                **({"Mcp-Session-Id": identifier} if identifier else {}),
            }
        if number is None:
            return None
        if response.headers.get_content_type() == "text/event-stream":
            return result_of(message_numbered(events(response), number), method)
        return result_of(json.loads(response.read()), method)

    def close(self):
        # A session that nobody ends stays in the server's memory.
        if "Mcp-Session-Id" in self.session:
            self.send("DELETE", self.url, headers=self.session)


class SseSession(Endpoint):
    """HTTP+SSE: answers arrive on one long stream, requests go to the address that its first event names."""

    def __init__(self, *args):
        super().__init__(*args)
        self.response = self.send("GET", self.url, headers={"Accept": "text/event-stream"})
        self.stream = events(self.response)
        name, data = next(self.stream, ("nothing", ""))
        if name != "endpoint":
            raise Unhealthy(f"the stream began with {name}, not with its endpoint")
        self.messages = urljoin(self.url, data)

    def call(self, method, number=None, params=None):
        self.send("POST", self.messages, request(method, number, params), {"Content-Type": "application/json"}).read()
        return None if number is None else result_of(message_numbered(self.stream, number), method)

    def close(self):
        self.response.close()


def probe(options):
    headers = {}
    if options.bearer_env:
        headers["Authorization"] = f"Bearer {os.environ[options.bearer_env]}"
    session = {"http": HttpSession, "sse": SseSession}[options.transport](options.url, headers)
    session.call("initialize", 1, INITIALIZE)
    if not options.initialize_only:
        session.call("notifications/initialized")
        if not session.call("tools/list", 2)["tools"]:
            raise Unhealthy("tools/list is empty")
    # Not after a failure: whoever did not answer would be waited for once more.
    session.close()


@contextlib.contextmanager
def limited(seconds):
    """
    A limit on the whole attempt. One on each wait would never be reached by a stream that sends only pings, and the
    sum of several waits outlasts Docker's own limit, which ends this script before it can end the container.
    """

    def expired(*_):
        raise Unhealthy(f"no answer within {seconds:g} s")

    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# What earlier runs found; on a tmpfs where the root is read-only.
MEMORY = "/tmp/mcp-health"
# The connections of the container's own network.
CONNECTIONS = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"


def service_start(pid_file):
    """
    Clock ticks from the boot of the host to the start of the service: another number at each start. The service is PID
    1, or the process whose number is in the file. None when there is no such process: it is just being started again.
    """
    try:
        if pid_file is None:
            pid = 1
        else:
            with open(pid_file, encoding="ascii") as file:
                pid = int(file.read())
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            # Field 22 of the line; the second, in brackets, may hold blanks.
            return int(stat.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError):
        return None


def age(start):
    with open("/proc/uptime", encoding="ascii") as uptime:
        return float(uptime.read().split()[0]) - start / os.sysconf("SC_CLK_TCK")


def remembered(start):
    """
    What earlier runs found since this start of the service. Times are by `time.monotonic`, which all processes of a
    host share.
    """
    try:
        with open(MEMORY, encoding="ascii") as file:
            memory = json.load(file)
        if start is not None and memory["start"] == start:
            return memory
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"start": start, "came_up": False, "exchanged": None, "failing_since": None}


def remember(memory):
    """What could not be done, to add to the answer: a container without a place to write is healthy all the same."""
    try:
        with open(MEMORY, "w", encoding="ascii") as file:
            json.dump(memory, file)
    except OSError as error:
        return f", but that cannot be remembered: {error}"
    return ""


def address(hexadecimal):
    """An address as the kernel prints it: words of four bytes, each of them back to front."""
    raw = bytes.fromhex(hexadecimal)
    found = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
    return getattr(found, "ipv4_mapped", None) or found


def call_in_flight(port):
    """
    Whether somebody from outside of the container holds a connection to this port: a client opens one for each call and
    closes it afterwards.
    """
    for table in CONNECTIONS:
        # Without IPv6 there is no second table.
        with contextlib.suppress(FileNotFoundError), open(table, encoding="ascii") as lines:
            next(lines)
            for line in lines:
                _, local, remote, state = line.split()[:4]
                if (
                    state == ESTABLISHED
                    and int(local.rpartition(":")[2], 16) == port
                    and not address(remote.rpartition(":")[0]).is_loopback
                ):
                    return True
    return False


def ask_alive(url):
    """Any answer is one; a connection that is refused is none."""
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port)) as connection:
        connection.request("GET", parts.path or "/")
        connection.getresponse()


def attempt(options, memory):
    if options.alive_url:
        ask_alive(options.alive_url)
        memory["came_up"] = True
    last = memory["exchanged"]
    if options.every is None or last is None or time.monotonic() - last >= options.every:
        probe(options)
        memory["exchanged"] = time.monotonic()


def may_end(options, memory, forgotten):
    """Whether this failed run may end the container, and what keeps it from that."""
    # Not while the service is starting: nothing would be won, and with a short healthcheck it would never get there.
    if memory["start"] is None or not memory["came_up"] and age(memory["start"]) <= options.kill_after:
        return False, ""
    # Where nothing can be remembered the limit would never be reached, and a server that hangs would hang for ever.
    if (
        options.in_flight_limit is None
        or forgotten
        or time.monotonic() - memory["failing_since"] > options.in_flight_limit
    ):
        return True, ""
    if call_in_flight(urlsplit(options.url).port):
        return False, "not ended, because a call is in flight"
    return True, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transport", choices=["http", "sse"], required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--initialize-only", action="store_true", help="do not list tools")
    parser.add_argument("--bearer-env", metavar="NAME", help="variable that holds the bearer token")
    parser.add_argument("--timeout", type=float, default=5, metavar="S", help="limit on each attempt")
    parser.add_argument("--attempts", type=int, default=1, metavar="N")
    parser.add_argument(
        "--alive-url",
        metavar="URL",
        help="asked before the exchange; any HTTP answer means that this start of the container came up",
    )
    parser.add_argument(
        "--every", type=float, metavar="S", help="after an exchange that went well, only ask --alive-url for S seconds"
    )
    parser.add_argument(
        "--kill-after",
        type=float,
        metavar="S",
        help="when no attempt succeeds, end a container whose service came up before, or is older than S seconds",
    )
    parser.add_argument(
        "--in-flight-limit",
        type=float,
        metavar="S",
        help="end no container that is being called, until it has failed for S seconds",
    )
    parser.add_argument(
        "--pid-file",
        metavar="FILE",
        help="the process that is the service, when it is started again within the container",
    )
    options = parser.parse_args()
    if options.every is not None and not options.alive_url:
        parser.error("--every needs --alive-url: between two exchanges nothing else would be asked")
    if options.bearer_env and options.bearer_env not in os.environ:
        # A new start would not change that.
        print(f"unhealthy: the variable {options.bearer_env} (--bearer-env) is not set")
        return 1

    remembers = options.kill_after is not None or options.every is not None
    # Before the attempts: one that failed says nothing about a start that came after it.
    memory = remembered(service_start(options.pid_file))
    for number in range(options.attempts):
        if number:
            time.sleep(0.5)
        try:
            with limited(options.timeout):
                attempt(options, memory)
        except Unhealthy as error:
            problem = str(error)
        except Exception as error:  # Whatever a broken server makes of an answer.
            problem = f"{type(error).__name__}: {error}"
        else:
            memory.update(came_up=True, failing_since=None)
            print("healthy" + (remember(memory) if remembers else ""))
            return 0
    # The next run makes the exchange, whenever the last good one was.
    memory.update(exchanged=None, failing_since=memory["failing_since"] or time.monotonic())
    forgotten = remember(memory) if remembers else ""
    print(f"unhealthy: {problem}{forgotten}", flush=True)
    # Asked again: it may have been ended on purpose in the meantime.
    if options.kill_after is not None and memory["start"] == service_start(options.pid_file):
        end, why_not = may_end(options, memory, forgotten)
        if why_not:
            print(why_not)
        if end:
            # Docker restarts nothing that is merely unhealthy, and LiteLLM in its lock-up ignores SIGTERM. Every
            # process but the init process is killed; without its child that ends too, and the restart policy starts the
            # container again.
            print("ending the container, its restart policy brings it back", flush=True)
            os.kill(-1, signal.SIGKILL)
    return 1


if __name__ == "__main__":
    sys.exit(main())
