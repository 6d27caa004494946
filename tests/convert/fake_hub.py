"""A local server that answers as the Hugging Face hub does, with the faults that a test asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SMALL = 2000
"""Files above this size are stored as LFS objects, which the hub names by their sha256."""


@dataclass
class Repo:
    """A repository at its latest commit, with earlier ones in `old`.

    refused: `gated`, `closed` (gated, and this user was not let in), `private` or nothing.
    """

    files: dict[str, bytes]
    licence: str | None = "apache-2.0"
    refused: str = ""
    old: dict[str, Repo] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        names = "".join(f"{name}{hashlib.sha1(data).hexdigest()}" for name, data in sorted(self.files.items()))
        return hashlib.sha1(names.encode()).hexdigest()

    def replace(self, files: dict[str, bytes], *, keep: bool = True) -> None:
        """Move the main branch to a new commit; without `keep` the old one is gone, as after a forced push."""
        if keep:
            self.old[self.commit] = Repo(self.files)
        self.files = files

    @classmethod
    def of(cls, folder: Path, **options: Any) -> Repo:
        return cls(
            {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}, **options
        )


@dataclass
class FakeHub:
    """The repositories, what was asked, and what goes wrong.

    cuts: bytes of a file after which a connection breaks, one for each connection. damage: what a file's bytes become.
    busy: answers with status 503 before the first good one. limits: what the header Retry-After says in an answer with
    status 429, one for each. headers: of every file besides those that belong there. at_start: called before the first
    file is sent. content: address that large files are redirected to, which
    the hub does with those in its content network.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    sent: Counter[str] = field(default_factory=Counter)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    damage: dict[str, bytes] = field(default_factory=dict)
    busy: int = 0
    limits: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    at_start: Callable[[], None] | None = None
    honours_ranges: bool = True
    address: str = ""
    content: str = ""

    @property
    def downloads(self) -> list[str]:
        return [line.rpartition("/")[2] for line in self.asked if line.startswith("GET") and "/resolve/" in line]


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(f"GET {path}")
        self.hub.agents.add(self.headers.get("user-agent", ""))
        self.hub.tokens.add(self.headers.get("authorization", ""))
        if path.startswith("api/models/"):
            self._api(path.removeprefix("api/models/"))
        elif "/resolve/" in path:
            repo, _, rest = path.partition("/resolve/")
            self._file(repo, *rest.split("/", 1))
        else:
            self._refuse(404)

    def _api(self, path: str) -> None:
        kind = "revision" if "/revision/" in path else "tree"
        name, _, revision = path.partition(f"/{kind}/")
        repo = self._repo(name, revision)
        if repo is None:
            return
        if kind == "revision":
            card = {"license": repo.licence} if repo.licence else {}
            siblings = [{"rfilename": file} for file in repo.files]
            self._json({"id": name, "sha": repo.commit, "siblings": siblings, "cardData": card, "tags": []})
        else:
            self._json([self._entry(file, data) for file, data in repo.files.items()])

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": git_id(data)}
        if len(data) > SMALL:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return entry

    def _file(self, name: str, revision: str, file: str) -> None:
        if self.hub.at_start is not None:
            act, self.hub.at_start = self.hub.at_start, None
            act()
        repo = self._repo(name, revision)
        if repo is None:
            return
        if file not in repo.files:
            self._refuse(404, "EntryNotFound")
        elif self.hub.content and len(repo.files[file]) > SMALL:
            self._redirect(f"{self.hub.content}/{name}/resolve/{revision}/{file}?signed=1")
        elif self.hub.busy:
            self.hub.busy -= 1
            self._refuse(503)
        elif self.hub.limits:
            self._refuse(429, headers={"Retry-After": self.hub.limits.pop(0)})
        else:
            self._send(file, self.hub.damage.get(file, repo.files[file]))

    def _send(self, file: str, data: bytes) -> None:
        start, wanted = 0, self.headers.get("range", "")
        if wanted and self.hub.honours_ranges:
            self.hub.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= max(len(data), 1):
            self._refuse(416, headers={"Content-Range": f"bytes */{len(data)}"})
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        for name, value in self.hub.headers.items():
            self.send_header(name, value)
        self.end_headers()
        rest = data[start:]
        cuts = self.hub.cuts.get(file, [])
        if cuts:
            rest = rest[: cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(rest)
        self.hub.sent[file] += len(rest)

    def _repo(self, name: str, revision: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None or repo.refused == "private":
            self._refuse(401, "RepoNotFound")
        elif repo.refused == "gated" and "authorization" not in self.headers:
            self._refuse(401, "GatedRepo")
        elif repo.refused == "closed":
            self._refuse(403, "GatedRepo")
        elif revision in repo.old:
            return repo.old[revision]
        elif revision not in ("main", repo.commit):
            self._refuse(404, "RevisionNotFound")
        else:
            return repo
        return None

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, status: int, code: str = "", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving(hub: FakeHub):  # type: ignore[no-untyped-def]
    """The hub at an address of its own, for as long as the block runs."""
    handler = type("Bound", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
