"""How the healthcheck reads what it is sent and what the kernel says. What it does is tested in mcp_health.test.ts."""

import io
import json
import os
import time
from argparse import Namespace

import mcp_health
import pytest

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LOOPBACK, OTHER = "0100007F:9C40", "020011AC:9C40"
PORT_8000 = "030011AC:1F40"


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("data: one\n\n", [("message", "one")]),
        ("event: endpoint\ndata: /messages?id=1\n\n", [("endpoint", "/messages?id=1")]),
        ("data: one\ndata: two\n\n", [("message", "one\ntwo")]),
        ("data:one\r\n\r\n", [("message", "one")]),
        # A comment is a ping, and an event without data is none.
        (": ping\n\nevent: empty\n\ndata: one\n\n", [("empty", "one")]),
        ("event: named\ndata: one\n\ndata: two\n\n", [("named", "one"), ("message", "two")]),
        # Without the empty line that ends it, an event has not come yet.
        ("data: one\n", []),
    ],
)
def test_server_sent_events(stream, expected):
    assert list(mcp_health.events(io.BytesIO(stream.encode()))) == expected


def test_the_answer_is_found_among_notifications_and_other_answers():
    messages = [{"method": "notifications/message"}, {"id": 1, "result": "other"}, {"id": 2, "result": "it"}]
    stream = [("message", json.dumps(message)) for message in messages]
    assert mcp_health.message_numbered(stream, 2) == {"id": 2, "result": "it"}
    with pytest.raises(mcp_health.Unhealthy, match="ended before the answer"):
        mcp_health.message_numbered(stream, 3)


@pytest.mark.parametrize(
    ("hexadecimal", "expected"),
    [
        ("0100007F", "127.0.0.1"),
        ("020011AC", "172.17.0.2"),
        ("00000000000000000000000001000000", "::1"),
        ("B80D0120000000000000000001000000", "2001:db8::1"),
        # IPv4 over an IPv6 socket is told as what it is: else a loopback client would count as one from outside.
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
    ],
)
def test_addresses_of_the_kernel(hexadecimal, expected):
    assert str(mcp_health.address(hexadecimal)) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], False),
        ([(PORT_8000, OTHER, "01")], True),
        ([(PORT_8000, LOOPBACK, "01")], False),
        ([("030011AC:1F41", OTHER, "01")], False),
        # A socket that listens, and a connection that is over.
        ([(PORT_8000, "00000000:0000", "0A"), (PORT_8000, OTHER, "06")], False),
        ([(PORT_8000, LOOPBACK, "01"), (PORT_8000, OTHER, "01")], True),
    ],
)
def test_a_call_is_in_flight_while_somebody_outside_is_connected(tmp_path, monkeypatch, rows, expected):
    table = tmp_path / "tcp"
    table.write_text(HEADER + "".join(f"   0: {local} {remote} {state} 0:0 0\n" for local, remote, state in rows))
    # As where the kernel has no IPv6.
    monkeypatch.setattr(mcp_health, "CONNECTIONS", (str(table), str(tmp_path / "tcp6")))
    assert mcp_health.call_in_flight(8000) is expected


def test_the_start_of_a_process(tmp_path):
    pid_file = tmp_path / "pid"
    assert mcp_health.service_start(str(pid_file)) is None
    pid_file.write_text("")
    assert mcp_health.service_start(str(pid_file)) is None
    pid_file.write_text(str(os.getpid()))
    start = mcp_health.service_start(str(pid_file))
    assert isinstance(start, int)
    assert 0 <= mcp_health.age(start) < 3600


NOTHING_REMEMBERED = {"start": 7, "came_up": False, "exchanged": None, "failing_since": None}


@pytest.fixture
def memory_file(tmp_path, monkeypatch):
    file = tmp_path / "mcp-health"
    monkeypatch.setattr(mcp_health, "MEMORY", str(file))
    return file


@pytest.mark.usefixtures("memory_file")
def test_what_was_remembered_is_known_to_the_same_start_only():
    memory = {"start": 7, "came_up": True, "exchanged": 1.5, "failing_since": None}
    assert mcp_health.remember(memory) == ""
    assert mcp_health.remembered(7) == memory
    assert mcp_health.remembered(8) == {**NOTHING_REMEMBERED, "start": 8}
    assert mcp_health.remembered(None) == {**NOTHING_REMEMBERED, "start": None}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7"])
def test_a_broken_file_is_no_memory(memory_file, text):
    memory_file.write_text(text)
    assert mcp_health.remembered(7) == NOTHING_REMEMBERED


def test_it_is_said_when_nothing_can_be_remembered(monkeypatch, tmp_path):
    monkeypatch.setattr(mcp_health, "MEMORY", str(tmp_path / "missing" / "file"))
    assert "that cannot be remembered" in mcp_health.remember(NOTHING_REMEMBERED)


@pytest.mark.parametrize(
    ("failing_for", "forgotten", "in_flight", "expected"),
    [
        (1, "", True, (False, "not ended, because a call is in flight")),
        (1, "", False, (True, "")),
        (100, "", True, (True, "")),
        (1, ", but that cannot be remembered", True, (True, "")),
    ],
)
def test_a_container_that_is_called_is_spared_for_a_while(monkeypatch, failing_for, forgotten, in_flight, expected):
    monkeypatch.setattr(mcp_health, "call_in_flight", lambda port: in_flight and port == 8000)
    options = Namespace(url="http://127.0.0.1:8000/mcp", kill_after=10, in_flight_limit=60)
    memory = {"start": 7, "came_up": True, "exchanged": None, "failing_since": time.monotonic() - failing_for}
    assert mcp_health.may_end(options, memory, forgotten) == expected
