"""What the launcher reads and how it understands it. What it does is tested in litellm_launcher.test.ts."""

import asyncio
from pathlib import Path

import pytest
from litellm_launcher import Answer, Memory, in_thread, megabytes, parse, quiet_seconds, read_memory, running

MIB = 1024 * 1024


def cgroup(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "ascii")
    return root


def test_cgroup_v2_without_the_pages_that_the_kernel_gives_back(tmp_path: Path) -> None:
    stat = "anon 1\nfile 2\ninactive_file 30\nactive_file 4\n"
    files = {"memory.current": "100\n", "memory.stat": stat, "memory.max": "140\n"}
    memory = read_memory(cgroup(tmp_path, files))
    assert memory == Memory(used=70, limit=140)
    assert memory.share == 0.5


def test_cgroup_v2_without_a_limit(tmp_path: Path) -> None:
    files = {"memory.current": "100\n", "memory.stat": "anon 1\n", "memory.max": "max\n"}
    memory = read_memory(cgroup(tmp_path, files))
    assert memory == Memory(used=100, limit=None)
    assert memory.share == 0


def test_cgroup_v1_counts_the_pages_of_all_that_is_below(tmp_path: Path) -> None:
    files = {
        "memory/memory.usage_in_bytes": "100\n",
        "memory/memory.limit_in_bytes": "200\n",
        "memory/memory.stat": "inactive_file 99\ntotal_inactive_file 20\n",
    }
    assert read_memory(cgroup(tmp_path, files)) == Memory(used=80, limit=200)


@pytest.mark.parametrize("files", [{}, {"memory.current": "many\n", "memory.stat": "", "memory.max": "1\n"}])
def test_a_cgroup_that_cannot_be_read_is_an_error_that_the_launcher_expects(
    tmp_path: Path, files: dict[str, str]
) -> None:
    with pytest.raises((OSError, ValueError)):
        read_memory(cgroup(tmp_path, files))


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (None, {}),
        (Memory(used=3 * MIB - 1, limit=4 * MIB), {"mib": 2, "limit_mib": 4}),
        (Memory(used=MIB, limit=None), {"mib": 1, "limit_mib": None}),
    ],
)
def test_memory_in_the_log(memory: Memory | None, expected: dict[str, object]) -> None:
    assert megabytes(memory) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, {"running": 0}), 0),
        (Answer(200, {"running": 3}), 3),
        (Answer(409, {"running": 0}), None),
        (Answer(200, {"running": "0"}), None),
        (Answer(200, None), None),
        (Answer(200, [0]), None),
        ("ConnectionRefusedError", None),
    ],
)
def test_requests_are_held_only_when_the_ingress_says_so(answer: Answer | str, expected: int | None) -> None:
    assert running(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, {"quietSeconds": 2.5}), 2.5),
        (Answer(409, {"quietSeconds": 2}), 2),
        (Answer(200, {"quietSeconds": None}), 0),
        (Answer(200, {}), 0),
        (Answer(200, None), 0),
        ("TimeoutError", 0),
    ],
)
def test_an_ingress_that_does_not_say_how_long_it_was_quiet_counts_as_busy(
    answer: Answer | str, expected: float
) -> None:
    assert quiet_seconds(answer) == expected


def test_what_fails_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise OSError("no such name")

    with pytest.raises(OSError, match="no such name"):
        asyncio.run(in_thread(fail))


def test_everything_after_the_dashes_is_litellm_s() -> None:
    options = parse(["--ingress", "http://ingress:4000", "--", "litellm", "--config", "config.yaml"])
    assert options.command == ["litellm", "--config", "config.yaml"]
    assert options.pid_file is None
