"""What is masked, in which spellings, and that LiteLLM keeps its process and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from litellm_masked_log import masked, pattern

SCRIPT = Path(__file__).with_name("litellm_masked_log.py")
DATABASE_URL = "postgresql://litellm_user:abcDEF123456@postgres:5432/litellm_db"
ODD = "a\"b\\c'd é/%"


def mask(line: str, *values: str) -> str:
    return masked(pattern(values), line.encode()).decode()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"x {DATABASE_URL}?connection_limit=10", "x ***?connection_limit=10"),
        ("password abcDEF123456 of the database", "password *** of the database"),
        (json.dumps({"message": ODD}), '{"message": "***"}'),
        (json.dumps({"message": json.dumps({"key": ODD})}), '{"message": "{\\"key\\": \\"***\\"}"}'),
        (json.dumps({"message": str({"key": ODD})}), "{\"message\": \"{'key': '***'}\"}"),
        ("https://x.lan/?key=a%22b%5Cc%27d%20%C3%A9%2F%25", "https://x.lan/?key=***"),
    ],
)
def test_a_variable_is_masked_however_it_is_written(line: str, expected: str) -> None:
    assert mask(line, DATABASE_URL, ODD) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{'authorization': 'Bearer sk-AbCdEfGhIjKlMnOp'}", "{'authorization': '***'}"),
        ("key sk-AbCdEfGhIjKl_MnOp, and sk-short", "key ***, and sk-short"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: ***"),
        ("the bearer of a task-force", "the bearer of a task-force"),
    ],
)
def test_what_looks_like_a_key_is_masked(line: str, expected: str) -> None:
    assert mask(line) == expected


def test_a_secret_that_begins_with_another_is_masked_whole() -> None:
    assert mask("longer-secret", "longer", "longer-secret") == "***"


def test_each_line_of_a_secret_with_several_is_masked() -> None:
    assert mask("second line here", "first line\nsecond line") == "*** here"


def test_an_empty_variable_masks_nothing() -> None:
    assert mask("a b", "", "a") == "a b"


def test_the_command_has_the_process_the_streams_and_the_exit_code() -> None:
    program = (
        "import os, sys; print(os.getpid(), os.environ['TOKEN'], flush=True); "
        "sys.stderr.write('no newline ' + os.environ['TOKEN']); sys.exit(7)"
    )
    with subprocess.Popen(
        [sys.executable, SCRIPT, "TOKEN,NOT_THERE", "--", sys.executable, "-c", program],
        env={**os.environ, "TOKEN": "very-secret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == (f"{process.pid} ***\n", "no newline ***", 7)


def test_without_a_command_it_says_how_it_is_used() -> None:
    result = subprocess.run([sys.executable, SCRIPT, "A", "B"], capture_output=True, text=True, check=False)
    assert (result.returncode, "usage" in result.stderr) == (1, True)
