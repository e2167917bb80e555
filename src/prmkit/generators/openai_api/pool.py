"""Several servers as one: who gets the next request, who is left alone for a while.

A request goes to the server with the fewest requests under way; its problem's own server is
preferred while that one has hardly more than the least, because its cache holds the prefix. A
server that cannot be reached is left, for longer each time, and tried again; one that says
Retry-After rests that long.
"""

import ssl
from collections.abc import Sequence
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

import prmkit
from prmkit.generators.openai_api.replies import HttpReply

_SLACK = 8  # requests more than the least that a problem's own server may have under way
_FIRST_LEAVE_S = 1.0
_LONGEST_LEAVE_S = 60.0
_CONNECT_S = 10.0


class Access(NamedTuple):
    """How servers are talked to."""

    timeout_s: float
    """The most seconds that one request may take."""
    key: str | None = None
    """Sent as a bearer token."""

    def headers(self) -> dict[str, str]:
        """Of every request."""
        said = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": f"prmkit/{prmkit.__version__}",
        }
        return said | ({"authorization": f"Bearer {self.key}"} if self.key else {})

    def request(self, url: str, body: bytes) -> httpx.Request:
        """A POST. Only connecting has a time-out of its own; the whole has one over it."""
        connect_s = min(_CONNECT_S, self.timeout_s)
        limits = {"connect": connect_s, "read": None, "write": None, "pool": None}
        extensions = {"timeout": limits}
        return httpx.Request(
            "POST", url, headers=self.headers(), content=body, extensions=extensions
        )

    def read(self, answer: httpx.Response) -> HttpReply:
        """An answer without the key, which servers repeat when they refuse it."""
        content = answer.content
        if self.key and answer.status_code != 200:
            content = content.replace(self.key.encode(), b"[key]")
        return HttpReply(answer.status_code, answer.headers, content)

    def timeout(self) -> httpx.Timeout:
        """For httpx: connecting takes no longer than a server that is there needs."""
        return httpx.Timeout(self.timeout_s, connect=min(_CONNECT_S, self.timeout_s))


class Server:
    """One base URL and what is known of its state."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.proxy = _proxy(httpx.URL(base_url))
        """What stands between, by the usual environment variables."""
        self.n_under_way = 0
        """Requests sent and not answered."""
        self.n_left = 0
        """Times in a row that it could not be reached."""
        self.rests_until = 0.0
        """Not to be asked before this time of the loop's clock, if another can be."""
        self.idle: list[httpx.AsyncHTTPTransport] = []
        """Connections that wait for a request, the last used one last."""


class Pool:
    """All servers of one model.

    Connections are kept one to an httpx transport: the pool inside of one looks at each of its
    connections for each request, which costs more than the request where there are hundreds. And
    transports are used without a client, whose redirects, cookies and authentication cost a fifth.
    """

    def __init__(self, base_urls: Sequence[str], access: Access) -> None:
        self.servers = [Server(url) for url in base_urls]
        self._access = access
        self._tls: ssl.SSLContext | None = None

    def choose(self, home: int, now: float, failed: Server | None = None) -> Server:
        """The server for a request.

        Args:
            home: A number that requests with the same long prefix share.
            now: The loop's clock.
            failed: Where the attempt before this one failed: taken again only if it must be.
        """
        awake = [s for s in self.servers if s.rests_until <= now]
        fit = [s for s in awake if s is not failed] or awake
        if not fit:
            return min(self.servers, key=lambda s: s.rests_until)
        least = min(fit, key=lambda s: s.n_under_way)
        own = self.servers[home % len(self.servers)]
        return own if own in fit and own.n_under_way <= least.n_under_way + _SLACK else least

    def connection(self, server: Server) -> httpx.AsyncHTTPTransport:
        """An open connection if there is one, else a new one."""
        if server.idle:
            return server.idle.pop()
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        limits = httpx.Limits(max_connections=1)
        return httpx.AsyncHTTPTransport(verify=self._tls, limits=limits, proxy=server.proxy)

    def leave(self, server: Server, now: float) -> None:
        """Note that a server could not be reached."""
        if server.rests_until > now:
            return  # told already, by a request that was sent before the rest began
        pause_s = min(_LONGEST_LEAVE_S, _FIRST_LEAVE_S * 2**server.n_left)
        server.n_left += 1
        server.rests_until = now + pause_s

    def has_other(self, server: Server, now: float) -> bool:
        """Whether another server than this one can be asked now."""
        return any(s is not server and s.rests_until <= now for s in self.servers)

    async def close(self) -> None:
        """Close idle connections."""
        for server in self.servers:
            while server.idle:
                await server.idle.pop().aclose()


def _proxy(url: httpx.URL) -> str | None:
    return None if proxy_bypass(url.netloc.decode()) else getproxies().get(url.scheme)
