"""Runs LiteLLM with a log in which no secret can be read: what it writes goes through this program.

With its log at DEBUG LiteLLM 1.77.3 writes its settings and the headers of requests: the master key, the database's
password, tokens of MCP servers and clients' keys. The values of the variables that are named are masked, and whatever
looks like a key. Standard library only, and one file: it is uploaded into LiteLLM's container.

LiteLLM keeps the process that was started, so that whoever ends that process ends LiteLLM.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

MASK = b"***"
# A shorter text is part of words, and no secret that is worth the name.
LEAST_LETTERS = 6
# Keys of LiteLLM, of this gateway's clients and of most providers; logins that no variable has.
KEYS = rb"\bsk-[A-Za-z0-9_-]{12,}|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{12,}"


def secrets_in(value: str) -> set[str]:
    """A variable's value, its lines, and the password of an address."""
    found = {value, *value.splitlines()}
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    return {text for text in {*found, password or ""} if len(text) >= LEAST_LETTERS}


def spellings(secret: str) -> set[str]:
    """As JSON, Python and an address write it; JSON is written into JSON as well."""
    as_json = json.dumps(secret)[1:-1]
    return {
        secret,
        as_json,
        json.dumps(as_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        json.dumps(repr(secret)[1:-1])[1:-1],
        quote(secret, safe=""),
        quote(secret),
    }


def pattern(values: Iterable[str]) -> re.Pattern[bytes]:
    texts = {spelling for value in values for secret in secrets_in(value) for spelling in spellings(secret)}
    # The longest first: a secret may begin with another.
    known = [re.escape(text.encode()) for text in sorted(texts, key=lambda text: (-len(text), text))]
    return re.compile(b"|".join([*known, KEYS]))


def masked(secrets: re.Pattern[bytes], line: bytes) -> bytes:
    return secrets.sub(MASK, line)


def pass_on(secrets: re.Pattern[bytes], source: int, target: int) -> None:
    with os.fdopen(source, "rb") as lines:
        for line in lines:
            rest = masked(secrets, line)
            while rest:
                rest = rest[os.write(target, rest) :]


def run(names: Iterable[str], command: list[str], environment: Mapping[str, str]) -> None:
    secrets = pattern(environment[name] for name in names if name in environment)
    pipes = {target: os.pipe() for target in (1, 2)}
    first = os.fork()
    if first == 0:
        # A session of its own, and no child of LiteLLM: it is there until nobody writes any more, also while LiteLLM is
        # ended together with all that it has started.
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        for _, writing in pipes.values():
            os.close(writing)
        threads = [
            threading.Thread(target=pass_on, args=(secrets, reading, target)) for target, (reading, _) in pipes.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)
    os.waitpid(first, 0)
    for target, (reading, writing) in pipes.items():
        os.close(reading)
        os.dup2(writing, target)
        os.close(writing)
    os.execvp(command[0], command)  # noqa: S606 - there is no shell, on purpose.


if __name__ == "__main__":
    variables, separator, *rest = sys.argv[1:]
    if separator != "--":
        sys.exit("usage: litellm_masked_log.py VARIABLE,VARIABLE -- COMMAND…")
    run(variables.split(","), rest, os.environ)
