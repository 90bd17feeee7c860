"""STAND-IN for Grafana 12, and no Grafana: what this project asks of its API, as Grafana's documentation says.

It is stricter than Grafana, which ignores what it does not know: a variable or a key of a provisioned file that is none
of those that this project writes ends it. Data sources are really asked.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn, cast

import psycopg2
import yaml

VERSION = "12.3.2"
PORT = 3000
Json = dict[str, Any]

# https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/
SETTINGS = {
    "SERVER_ROOT_URL": r"http://127\.0\.0\.1:\d+/",
    "SECURITY_ADMIN_USER": r"\w+",
    "SECURITY_ADMIN_PASSWORD": r".+",
    "SECURITY_DISABLE_GRAVATAR": "true",
    "AUTH_ANONYMOUS_ENABLED": "false",
    "USERS_ALLOW_SIGN_UP": "false",
    "USERS_ALLOW_ORG_CREATE": "false",
    "PUBLIC_DASHBOARDS_ENABLED": "false",
    "SNAPSHOTS_EXTERNAL_ENABLED": "false",
    "ANALYTICS_REPORTING_ENABLED": "false",
    "ANALYTICS_CHECK_FOR_UPDATES": "false",
    "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    "NEWS_NEWS_FEED_ENABLED": "false",
    "PLUGINS_PREINSTALL_DISABLED": "true",
    "PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    "LOG_MODE": "console",
    "LOG_LEVEL": "debug|info|warn|error",
    **{f"PATHS_{name}": "/.+" for name in ("CONFIG", "DATA", "HOME", "LOGS", "PLUGINS", "PROVISIONING")},
}
# https://grafana.com/docs/grafana/latest/administration/provisioning/
SOURCE_KEYS = {"name", "uid", "type", "access", "url", "user", "jsonData", "secureJsonData"}
# By the types of data sources: the keys of jsonData, secureJsonData and beside them that this project writes.
KEYS_OF_TYPE = {
    "prometheus": ({"timeInterval"}, set(), set()),
    "loki": (set(), set(), set()),
    "grafana-postgresql-datasource": ({"database", "sslmode", "maxOpenConns", "maxIdleConns"}, {"password"}, {"user"}),
}
# The one thing that is replaced in a provisioned file, here.
FROM_FILE = re.compile(r"\$__file\{(/[\w./-]+)\}")
PROVIDER_KEYS = {"name", "folder", "type", "options"}
# What Grafana takes some seconds for, after it is healthy.
DASHBOARDS_AFTER_S = 3
# [security] disable_brute_force_login_protection: five within five minutes.
MOST_WRONG = 5
WRONG_WITHIN_S = 300


def refuse(why: str) -> NoReturn:
    """End with the reason in the log, as a Grafana that cannot start."""
    sys.exit(f"stand-in for Grafana: {why}")


def settings() -> dict[str, str]:
    """Settings from variables; of those that end with __FILE from the file, as /run.sh of the image does."""
    found: dict[str, str] = {}
    for variable, given in os.environ.items():
        if not variable.startswith("GF_"):
            continue
        is_file = variable.endswith("__FILE")
        name = variable.removeprefix("GF_").removesuffix("__FILE")
        value = Path(given).read_text().strip() if is_file else given
        if name in found or name not in SETTINGS or not re.fullmatch(SETTINGS[name], value):
            refuse(f"{variable} is no setting that this project writes, has another value, or is set twice")
        found[name] = value
    return found


def only(what: str, given: Any, keys: set[str], optional: set[str]) -> Json:
    """A map with these keys and no others."""
    if not isinstance(given, dict):
        refuse(f"{what} is no map")
    if set(given) - keys or keys - set(given) - optional:
        refuse(f"{what} has the keys {sorted(given)}, and may have {sorted(keys)}")
    return cast(Json, given)


def read_yaml(folder: Path) -> list[Json]:
    """Each file of a provisioning folder."""
    found = [cast(Json, yaml.safe_load(file.read_text())) for file in sorted(folder.glob("*.y*ml"))]
    for one in found:
        # In values; a comment is none.
        if "$" in FROM_FILE.sub("", json.dumps(one)):
            refuse(f"{folder}: Grafana would replace a variable")
        if one.get("apiVersion") != 1:
            refuse(f"{folder}: apiVersion is not 1")
    return found


def from_file(value: str) -> str:
    """A value that says which file it is in."""
    found = FROM_FILE.fullmatch(value)
    if not found:
        refuse("a secret is in a provisioned file")
    return Path(found[1]).read_text()


class Grafana:
    """What it knows: its database is a file of the volume, provisioned files are read at each start."""

    def __init__(self) -> None:
        if os.getuid() != 472:
            refuse("the user is not 472")
        given = settings()
        data = Path(given["PATHS_DATA"])
        Path(given["PATHS_PLUGINS"]).mkdir(exist_ok=True)
        self.user = given.get("SECURITY_ADMIN_USER", "admin")
        self.file = data / "grafana.db"
        self.lock = Lock()
        self.wrong: list[float] = []
        self.started = time.monotonic()
        # Grafana keeps them encrypted.
        self.secrets: dict[str, dict[str, str]] = {}
        if self.file.exists():
            self.database = cast(Json, json.loads(self.file.read_text()))
        else:
            # The password of the settings is the one of the first start, and is not looked at later.
            self.database = {"salt": secrets.token_hex(16), "sources": {}}
            self.database["hash"] = self.hashed(given.get("SECURITY_ADMIN_PASSWORD", "admin"))
        provisioning = Path(given["PATHS_PROVISIONING"])
        self.provision_sources(provisioning / "datasources")
        self.dashboards = self.read_dashboards(provisioning / "dashboards")
        self.save()

    def hashed(self, password: str) -> str:
        salt = bytes.fromhex(self.database["salt"])
        return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 10_000).hex()

    def save(self) -> None:
        self.file.write_text(json.dumps(self.database))

    def provision_sources(self, folder: Path) -> None:
        """Data sources; those that no file names any more go where `prune` says so."""
        for file in read_yaml(folder):
            only(str(folder), file, {"apiVersion", "prune", "datasources"}, {"prune"})
            optional = {"user", "jsonData", "secureJsonData"}
            sources = [only("a data source", one, SOURCE_KEYS, optional) for one in file["datasources"]]
            for one in sources:
                if one["type"] not in KEYS_OF_TYPE or one["access"] != "proxy":
                    refuse(f"{one['name']}: type or access")
                plain, secret, beside = KEYS_OF_TYPE[one["type"]]
                only(f"jsonData of {one['name']}", one.get("jsonData", {}), plain, set())
                only(f"secureJsonData of {one['name']}", one.get("secureJsonData", {}), secret, set())
                if beside != set(one) & {"user"}:
                    refuse(f"{one['name']}: user")
                # As Grafana, it reads the files when it starts, and does not start without them.
                self.secrets[one["uid"]] = {
                    key: from_file(value) for key, value in one.get("secureJsonData", {}).items()
                }
            if file.get("prune") is True:
                self.database["sources"] = {}
            self.database["sources"].update({one["uid"]: one for one in sources})

    def read_dashboards(self, folder: Path) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for file in read_yaml(folder):
            only(str(folder), file, {"apiVersion", "providers"}, set())
            for one in file["providers"]:
                provider = only("a provider", one, PROVIDER_KEYS, set())
                options = only("options of a provider", provider["options"], {"path"}, set())
                if provider["type"] != "file" or not Path(options["path"]).is_dir():
                    refuse(f"{options['path']} is no folder")
                for each in sorted(Path(options["path"]).glob("*.json")):
                    dashboard = cast(Json, json.loads(each.read_text()))
                    if not dashboard.get("title") or dashboard["uid"] in found:
                        refuse(f"{each}: no title, or the uid of another one")
                    found[dashboard["uid"]] = dashboard
        return found

    def lets_in(self, header: str) -> bool:
        """Basic authentication; after some wrong passwords the right one is refused as well, for a while."""
        with self.lock:
            now = time.monotonic()
            self.wrong = [one for one in self.wrong if now - one < WRONG_WITHIN_S]
            if len(self.wrong) >= MOST_WRONG:
                return False
            user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            right = secrets.compare_digest(self.hashed(password), self.database["hash"])
            if user == self.user and right:
                self.wrong = []
                return True
            self.wrong.append(now)
            return False

    def change_password(self, given: Json) -> tuple[int, Json]:
        only("a change of password", given, {"oldPassword", "newPassword"}, set())
        with self.lock:
            if self.hashed(given["oldPassword"]) != self.database["hash"]:
                return 401, {"message": "Invalid old password"}
            self.database["hash"] = self.hashed(given["newPassword"])
            self.save()
        return 200, {"message": "User password changed"}

    def ask(self, source: Json, path: str, parameters: Json) -> Json:
        """A question to a data source, past any proxy of this machine."""
        question = f"{source['url']}{path}?{urllib.parse.urlencode(parameters)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(question, timeout=20) as answer:
                return cast(Json, json.load(answer)["data"])
        except urllib.error.HTTPError as error:
            raise OSError(error.read().decode()) from error

    def ask_postgres(self, source: Json, sql: str) -> Json:
        """Columns and rows, as a frame."""
        host, _, port = source["url"].partition(":")
        given = source["jsonData"]
        login = {"user": source["user"], "password": self.secrets[source["uid"]]["password"]}
        where = {"host": host, "port": port, "dbname": given["database"], "sslmode": given["sslmode"]}
        try:
            with closing(psycopg2.connect(**where, **login, connect_timeout=10)) as connection:
                cursor = connection.cursor()
                cursor.execute(sql)
                rows = cursor.fetchall()
                fields = [{"name": column.name} for column in cursor.description]
        except psycopg2.Error as error:
            raise OSError(str(error)) from error
        return {"schema": {"fields": fields}, "data": {"values": [list(column) for column in zip(*rows, strict=True)]}}

    def health(self, source: Json) -> tuple[int, Json]:
        try:
            if source["type"] == "grafana-postgresql-datasource":
                self.ask_postgres(source, "SELECT 1")
                return 200, {"status": "OK", "message": "Database Connection OK"}
            if source["type"] == "loki":
                self.ask(source, "/loki/api/v1/query", {"query": "vector(1)+vector(1)"})
            else:
                self.ask(source, "/api/v1/query", {"query": "1+1"})
        except OSError as error:
            return 400, {"status": "ERROR", "message": str(error)}
        name = source["type"].capitalize()
        return 200, {
            "status": "OK",
            "message": f"Successfully queried the {name} API.",
        }

    def query(self, given: Json) -> tuple[int, Json]:
        start, end = seconds(given["from"]), seconds(given["to"])
        results: Json = {}
        for one in given["queries"]:
            source = self.database["sources"].get(one["datasource"]["uid"])
            if not source:
                return 404, {"message": "data source not found"}
            try:
                results[one["refId"]] = {
                    "status": 200,
                    "frames": self.frames(source, one, start, end),
                }
            except OSError as error:
                results[one["refId"]] = {"status": 400, "error": str(error)}
        return max(one["status"] for one in results.values()), {"results": results}

    def frames(self, source: Json, query: Json, start: float, end: float) -> list[Json]:
        if source["type"] == "grafana-postgresql-datasource":
            return [self.ask_postgres(source, query["rawSql"])]
        is_loki = source["type"] == "loki"
        instant = query.get("queryType") == "instant" if is_loki else query.get("instant") is True
        root = "/loki/api/v1" if is_loki else "/api/v1"
        times: Json = {"time": end} if instant else {"start": start, "end": end, "step": query["intervalMs"] / 1000}
        path = f"{root}/query" if instant else f"{root}/query_range"
        data = self.ask(source, path, {"query": query["expr"], **times})
        return [frame(one.get("metric") or one.get("stream") or {}, values(one)) for one in data["result"]]


def values(series: Json) -> list[Any]:
    return cast(list[Any], series.get("values") or [series["value"]])


def frame(labels: Json, pairs: list[Any]) -> Json:
    """https://grafana.com/docs/grafana/latest/developers/http_api/data_source/#query-a-data-source"""
    return {
        "schema": {"fields": [{"name": "Time"}, {"name": "Value", "labels": labels}]},
        "data": {"values": [[one[0] for one in pairs], [one[1] for one in pairs]]},
    }


def seconds(text: str) -> float:
    """`now`, `now-5m`, or milliseconds."""
    if text.isdigit():
        return int(text) / 1000
    ago = re.fullmatch(r"now(?:-(\d+)([mh]))?", text)
    if not ago:
        raise ValueError(text)
    return time.time() - int(ago[1] or 0) * (3600 if ago[2] == "h" else 60)


class Handler(BaseHTTPRequestHandler):
    """The few routes; anything else is not found."""

    grafana: Grafana

    def answer(self, status: int, body: Json) -> None:
        # Numbers and times of Postgres as text: nobody here counts with them.
        text = json.dumps(body, default=str).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self) -> Json:
        return cast(Json, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def handle_request(self, method: str) -> None:
        if self.path == "/api/health":
            return self.answer(200, {"database": "ok", "version": VERSION, "commit": "stand-in"})
        if not self.path.startswith("/api/"):
            self.send_response(302)
            self.send_header("Location", "/login")
            return self.end_headers()
        given = self.headers.get("Authorization")
        if given is None:
            return self.answer(401, {"message": "Unauthorized"})
        if not self.grafana.lets_in(given):
            return self.answer(401, {"message": "Invalid username or password"})
        return self.answer(*self.route(method))

    def route(self, method: str) -> tuple[int, Json]:
        grafana = self.grafana
        which = f"{method} {self.path}"
        if which == "GET /api/user":
            return 200, {"id": 1, "login": grafana.user, "isGrafanaAdmin": True}
        if which == "PUT /api/user/password":
            return grafana.change_password(self.body())
        if which == "POST /api/ds/query":
            return grafana.query(self.body())
        health = re.fullmatch(r"GET /api/datasources/uid/([\w-]+)/health", which)
        if health:
            source = grafana.database["sources"].get(health[1])
            return grafana.health(source) if source else (404, {"message": "Data source not found"})
        asked = re.fullmatch(r"GET /api/dashboards/uid/([\w-]+)", which)
        late = time.monotonic() - grafana.started < DASHBOARDS_AFTER_S
        if asked and asked[1] in grafana.dashboards and not late:
            return 200, {
                "dashboard": grafana.dashboards[asked[1]],
                "meta": {"provisioned": True},
            }
        return 404, {"message": "Dashboard not found" if asked else "Not found"}

    def do_GET(self) -> None:
        self.handle_request("GET")

    def do_POST(self) -> None:
        self.handle_request("POST")

    def do_PUT(self) -> None:
        self.handle_request("PUT")

    def log_message(self, *_: Any) -> None:
        """Nothing, as Grafana without `router_logging`."""


if __name__ == "__main__":
    Handler.grafana = Grafana()
    print("stand-in for Grafana: it listens, and is no Grafana", flush=True)
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
