"""What an installed package says of itself, as JSON: its description, and the programs that it brings.

Run in an image with the adapter by its own python3, isolated: nothing of the package itself is run or imported.
"""

import json
import re
import sys
from importlib.metadata import distributions
from pathlib import Path

SERVER = Path("/opt/server")


def of_npm(name: str) -> tuple[str | None, list[str]]:
    manifest = json.loads((SERVER / "node_modules" / name / "package.json").read_text(encoding="utf-8"))
    programs = manifest.get("bin") or {}
    names = [name.rsplit("/", maxsplit=1)[-1]] if isinstance(programs, str) else list(programs)
    return manifest.get("description"), names


def of_pypi(name: str) -> tuple[str | None, list[str]]:
    def normalized(one: str) -> str:
        return re.sub(r"[-_.]+", "-", one).lower()

    places = [str(place) for place in SERVER.glob("venv/lib/python3*/site-packages")]
    [found] = [one for one in distributions(path=places) if normalized(one.metadata["Name"]) == normalized(name)]
    programs = [one.name for one in found.entry_points if one.group == "console_scripts"]
    return found.metadata["Summary"], programs


description, programs = {"npm": of_npm, "pypi": of_pypi}[sys.argv[1]](sys.argv[2])
print(json.dumps({"description": description, "programs": programs}))
