"""A few plain requests, one after another, for finding out what a server is.

Passing faults are waited out a little; a server that is not there is an error at once.
"""

import json
import time
from typing import Any

from prmkit.closing import Closing
from prmkit.errors import ModelError
from prmkit.generators.openai_api.event_loop import LoopThread
from prmkit.generators.openai_api.http import Access, Lost, Unreachable, open_session
from prmkit.generators.openai_api.replies import (
    Again,
    HttpReply,
    read_json,
    server_words,
    shown,
)

_TRIES = 6
_FIRST_PAUSE_S = 0.05  # doubled after each try: under two seconds in all
_BUSY = frozenset({429, 500, 502, 503, 504})
_EVENT = "data: "


class Talk(Closing):
    """Requests to one base URL; a context manager.

    Args:
        base_url: With its `/v1` or whatever path the server's API has.
        access: Time-out and key.
    """

    def __init__(self, base_url: str, access: Access) -> None:
        self.base_url = base_url
        self._root = base_url.removesuffix("/v1")
        self._thread = LoopThread()
        self._session = self._thread.call(open_session(access))

    def close(self) -> None:
        """End the connections; twice is allowed."""
        self._thread.close(self._session.close)

    def get(self, path: str) -> HttpReply:
        """GET below the base URL.

        Raises:
            ModelError: no connection.
        """
        return self._ask("GET", f"{self.base_url}{path}")

    def get_root(self, path: str) -> dict[str, Any]:
        """The JSON object at a path beside the base URL; empty if there is none."""
        return json_or_empty(self._ask("GET", f"{self._root}{path}"))

    def post_root(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The JSON answer to a POST beside the base URL; empty if there is none."""
        return json_or_empty(self._ask("POST", f"{self._root}{path}", json.dumps(fields).encode()))

    def events_root(self, path: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """The JSON objects of a stream of events beside the base URL; none if there is no such."""
        body = json.dumps(fields).encode()
        try:
            reply = self._thread.call(self._session.ask("POST", f"{self._root}{path}", body))
        except (TimeoutError, Lost, Unreachable):
            return []
        lines = reply.content.decode("utf-8", "replace").splitlines()
        return [_event(line) for line in lines if line.startswith(_EVENT)]

    def post(self, path: str, body: bytes) -> dict[str, Any] | str:
        """The JSON answer to a POST below the base URL, or what is wrong with it."""
        reply = self._ask("POST", f"{self.base_url}{path}", body)
        if reply.status != 200:
            words = server_words(reply.content)
            return f"HTTP {reply.status}: {words}" if reply.status else f"no answer: {words}"
        found = read_json(reply)
        return found.message if isinstance(found, Again) else found

    def _ask(self, method: str, url: str, body: bytes | None = None) -> HttpReply:
        """An answer that is no passing fault, or the last one; status 0 = none came."""
        pause_s = _FIRST_PAUSE_S
        reply = HttpReply(0, {}, b"")
        for _ in range(_TRIES):
            try:
                reply = self._thread.call(self._session.ask(method, url, body))
            except Unreachable as error:
                raise ModelError(f"no server at {self.base_url}: {shown(str(error))}") from error
            except (TimeoutError, Lost) as error:
                reply = HttpReply(0, {}, (str(error) or "no answer in time").encode())
            else:
                if reply.status not in _BUSY and _is_whole(reply):
                    break
            time.sleep(pause_s)
            pause_s *= 2
        return reply


def _event(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line.removeprefix(_EVENT))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def json_or_empty(reply: HttpReply) -> dict[str, Any]:
    """The JSON object of a successful answer; else an empty one."""
    found = read_json(reply)
    return {} if reply.status != 200 or isinstance(found, Again) else found


def _is_whole(reply: HttpReply) -> bool:
    """Whether a success is not a torn one."""
    if reply.status != 200:
        return True
    found = read_json(reply)
    return not isinstance(found, Again) and found.get("choices") != []
