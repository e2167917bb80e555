"""A few plain requests, one after another, for finding out what a server is.

Passing faults are waited out a little; a server that is not there is an error at once.
"""

import time
from typing import Any

import httpx

from prmkit.errors import ModelError
from prmkit.generators.openai_api.pool import Access
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


class Talk:
    """Requests to one base URL; a context manager.

    Args:
        base_url: With its `/v1` or whatever path the server's API has.
        access: Time-out and key.
    """

    def __init__(self, base_url: str, access: Access) -> None:
        self.base_url = base_url
        self._access = access
        self._root = base_url.removesuffix("/v1")
        self._http = httpx.Client(timeout=access.timeout(), headers=access.headers())

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

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
        return json_or_empty(self._ask("POST", f"{self._root}{path}", json=fields))

    def post(self, path: str, body: bytes) -> dict[str, Any] | str:
        """The JSON answer to a POST below the base URL, or what is wrong with it."""
        reply = self._ask("POST", f"{self.base_url}{path}", content=body)
        if reply.status != 200:
            words = server_words(reply.content)
            return f"HTTP {reply.status}: {words}" if reply.status else f"no answer: {words}"
        found = read_json(reply)
        return found.message if isinstance(found, Again) else found

    def _ask(self, method: str, url: str, **options: Any) -> HttpReply:
        """An answer that is no passing fault, or the last one; status 0 = none came."""
        pause_s = _FIRST_PAUSE_S
        reply = HttpReply(0, {}, b"")
        for _ in range(_TRIES):
            try:
                answer = self._http.request(method, url, **options)
            except httpx.ConnectError as error:
                raise ModelError(f"no server at {self.base_url}: {shown(str(error))}") from error
            except httpx.HTTPError as error:
                reply = HttpReply(0, {}, (str(error) or type(error).__name__).encode())
            else:
                reply = self._access.read(answer)
                if reply.status not in _BUSY and _is_whole(reply):
                    break
            time.sleep(pause_s)
            pause_s *= 2
        return reply


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
