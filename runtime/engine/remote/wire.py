"""HTTP with servers: one connection pool in a thread of its own, so that any thread can break a request off at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ....errors import ContextFullError, EngineError, UmiError

if TYPE_CHECKING:
    from httpx2 import Response

Json: TypeAlias = dict[str, Any]
Result = TypeVar("Result")

_CONNECT_SECONDS, _QUICK_SECONDS = 5.0, 5.0
_LONGEST_EVENT = 1 << 20
_LONGEST_COMPLAINT = 300
_END = object()


class Wire:
    """Sends requests; every failure is one EngineError. patience: seconds of silence after which a server is given up.

    No proxy of the environment is used and no redirect is followed: text goes to the servers that were named.
    """

    def __init__(self, patience: float) -> None:
        import httpx2

        self._http = httpx2
        self._patience = patience
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="umi-wire", daemon=True)
        self._thread.start()
        timeout = httpx2.Timeout(patience, connect=_CONNECT_SECONDS)
        self._client = httpx2.AsyncClient(timeout=timeout, trust_env=False)

    def get(self, url: str, key: str) -> Any:
        """The JSON that comes back, within seconds."""
        return self._run(self._exchange("GET", url, key, None)).result()

    def post(self, url: str, key: str, body: Json) -> Any:
        """The JSON that comes back, within seconds."""
        return self._run(self._exchange("POST", url, key, body)).result()

    def stream(self, url: str, key: str, body: Json) -> Stream:
        """The JSON of each event that comes back, until the server says that it is done."""
        queue: SimpleQueue[Any] = SimpleQueue()
        return Stream(queue, self._run(self._feed(queue, url, key, body)))

    def close(self) -> None:
        """Break off what runs; idempotent."""
        if not self._thread.is_alive():
            return
        self._run(self._shut_down()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _shut_down(self) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._client.aclose()

    async def _exchange(self, method: str, url: str, key: str, body: Json | None) -> Any:
        try:
            quick = self._http.Timeout(_QUICK_SECONDS, connect=_CONNECT_SECONDS)
            request = self._client.stream(method, url, json=body, headers=_headers(key), timeout=quick)
            async with request as response:
                await _refuse_failure(response, url)
                return json.loads(await _read(response, _LONGEST_EVENT))
        except Exception as error:
            raise self._told(error, url) from error

    async def _feed(self, queue: SimpleQueue[Any], url: str, key: str, body: Json) -> None:
        try:
            async for event in self._events(url, key, body):
                queue.put(event)
            queue.put(_END)
        except Exception as error:
            queue.put(self._told(error, url))
        except asyncio.CancelledError:
            queue.put(_END)
            raise

    async def _events(self, url: str, key: str, body: Json) -> AsyncIterator[Json]:
        async with self._client.stream("POST", url, json=body, headers=_headers(key)) as response:
            await _refuse_failure(response, url)
            async for event in self._http.EventSource(response, _LONGEST_EVENT):
                if event.data.strip() == "[DONE]":
                    return
                yield json.loads(event.data)

    def _told(self, error: Exception, url: str) -> UmiError:
        match error:
            case UmiError():
                return error
            case self._http.ConnectError() | self._http.ConnectTimeout():
                return EngineError(f"There is no server at {url} ({error}): start it, or correct engine.server.url.")
            case self._http.TimeoutException():
                return EngineError(
                    f"The server at {url} was silent for too long: look after it, or raise engine.server.patience, "
                    f"which is {self._patience:g} s."
                )
            case self._http.HTTPError() | self._http.InvalidURL():
                return EngineError(f"The server at {url} broke off: {error or type(error).__name__}. Try again.")
            case ValueError():
                return EngineError(f"The server at {url} sent what is no JSON: is it OpenAI-compatible?")
        return EngineError(f"The request to {url} failed: {error!r}. Please report this.")


class Stream:
    """Events as they come in; `broken_off` once it was cancelled."""

    def __init__(self, queue: SimpleQueue[Any], work: Future[None]) -> None:
        self._queue, self._work = queue, work

    @property
    def broken_off(self) -> bool:
        return self._work.cancelled()

    def __iter__(self) -> Iterator[Json]:
        while (item := self._queue.get()) is not _END:
            if isinstance(item, UmiError):
                raise item
            yield item

    def cancel(self) -> None:
        """End the request from any thread; the server sees its connection close."""
        if self._work.cancel():
            self._queue.put(_END)


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


async def _refuse_failure(response: Response, url: str) -> None:
    """Raise for a status that is no success, with what the server says of it."""
    if response.is_success:
        return
    complaint = _complaint(await _read(response, 1 << 16))
    if response.status_code == 400 and "context" in complaint.lower():
        raise ContextFullError(
            f"the server at {url} finds the conversation too long ({complaint}); start a new session"
        )
    hint = {401: "set engine.server.key", 403: "set engine.server.key", 404: "correct engine.server.url or .model"}
    what = hint.get(response.status_code, "see what it logs")
    raise EngineError(f"The server at {url} refused with status {response.status_code} ({complaint}): {what}.")


async def _read(response: Response, limit: int) -> bytes:
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > limit:
            raise EngineError(f"The server at {response.url} sent more than {limit} bytes: is it OpenAI-compatible?")
    return data


def _complaint(data: bytes) -> str:
    """The message of OpenAI's error object, or the beginning of whatever else came."""
    text = data.decode("utf-8", "replace")
    try:
        found = json.loads(text)
        error = found.get("error", found.get("message", found.get("detail", text)))
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:_LONGEST_COMPLAINT] or "no reason given"
