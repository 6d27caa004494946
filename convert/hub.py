"""The Hugging Face hub through its own client: what a repository holds, and the bytes of its files.

The client's telemetry is off, and with `HF_HUB_OFFLINE=1` nothing is asked. `HF_ENDPOINT` names another hub, `HF_TOKEN`
a user's key; it goes to the hub only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx2
from huggingface_hub import HfApi, RepoFile, constants, get_session, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from ..errors import HubError

constants.HF_HUB_DISABLE_TELEMETRY = True

TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository. sha256: where the hub knows it (large files). git: its git blob id, a sha1."""

    path: str
    size: int
    sha256: str | None
    git: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    repo: str
    commit: str
    licence: str | None
    files: tuple[RemoteFile, ...]


class LostConnectionError(Exception):
    """The connection broke; what came so far is good. wait: seconds that the hub asks for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class ShortFileError(Exception):
    """The hub has no byte at the place that was asked for."""


class Hub:
    """The hub at `HF_ENDPOINT`. Its methods raise HubError with what to do."""

    def __init__(self) -> None:
        self._endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")
        self._agent: dict[str, Any] = {"library_name": "alpha-umi", "library_version": version("alpha-umi")}
        self._api = HfApi(endpoint=self._endpoint, **self._agent)

    def snapshot(self, repo: str, revision: str | None = None) -> Snapshot:
        """What the repository holds at a commit, branch or tag; by default at its main branch."""
        try:
            info = self._api.model_info(repo, revision=revision or constants.DEFAULT_REVISION, timeout=TIMEOUT)
            assert info.sha is not None
            entries = self._api.list_repo_tree(repo, recursive=True, revision=info.sha)
            files = tuple(_remote(entry) for entry in entries if isinstance(entry, RepoFile))
        except (HFValidationError, HfHubHTTPError, httpx2.HTTPError, OfflineModeIsEnabled) as error:
            raise self._told(repo, revision, error) from error
        licence = info.card_data.get("license") if info.card_data else None
        return Snapshot(repo, info.sha, licence if isinstance(licence, str) else None, files)

    @contextmanager
    def stream(self, snapshot: Snapshot, file: RemoteFile, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes of a file from `start` on, with the place that they really start at (0 where ranges are ignored).

        Raises LostConnectionError, also while iterating, for what may pass by itself, and ShortFileError.
        """
        url = hf_hub_url(snapshot.repo, file.path, revision=snapshot.commit, endpoint=self._endpoint)
        headers = build_hf_headers(**self._agent) | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
                if response.status_code in (408, 429, 500, 502, 503, 504):
                    raise LostConnectionError(f"the hub answered with status {response.status_code}", _wait(response))
                if start and response.status_code == 416:
                    raise ShortFileError
                hf_raise_for_status(response)
                yield _start(response, start), response.iter_bytes()
        except httpx2.TransportError as error:
            raise LostConnectionError(str(error) or type(error).__name__) from error
        except (HfHubHTTPError, OfflineModeIsEnabled) as error:
            raise self._told(snapshot.repo, snapshot.commit, error) from error

    def _told(self, repo: str, revision: str | None, error: Exception) -> HubError:
        """The error in a user's words."""
        match error:
            case GatedRepoError():
                place = f"{self._endpoint}/{repo}"
                return HubError(f"{repo} is gated: accept its terms at {place} and set HF_TOKEN to a token of yours")
            case RepositoryNotFoundError():
                return HubError(
                    f"the hub has no repository {repo} for you: check the name, and for a private one set HF_TOKEN"
                )
            case RevisionNotFoundError():
                return HubError(f"{repo} has no commit, branch or tag {revision}: check the part behind @")
            case HFValidationError():
                return HubError(f"{repo!r} cannot be the name of a repository on the hub: check it")
            case OfflineModeIsEnabled():
                return HubError(f"{repo} was not pulled yet and HF_HUB_OFFLINE is set: unset it, or use `umi bundle`")
            case HfHubHTTPError():
                return HubError(f"the hub refuses {repo} with status {error.response.status_code}: try again later")
        way = "check the network, or set HF_ENDPOINT to a mirror"
        return HubError(f"the hub at {self._endpoint} cannot be reached ({error}): {way}")


def _start(response: httpx2.Response, wanted: int) -> int:
    if response.status_code != 206:
        return 0
    unit, _, place = response.headers.get("Content-Range", "").partition(" ")
    if unit != "bytes" or not place.startswith(f"{wanted}-"):
        raise LostConnectionError("the hub sent another part of the file than was asked for")
    return wanted


def _wait(response: httpx2.Response) -> float:
    """Seconds of the header Retry-After; 0 where it is missing or a date."""
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isdecimal() and len(value) < 10 else 0.0


def _remote(entry: RepoFile) -> RemoteFile:
    return RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None, entry.blob_id)
