"""HTTP to servers over kept connections: one session for an event loop, faults as three exceptions.

aiohttp, whose parser and connection pool cost a quarter of httpx's processor time at hundreds of
requests in flight (docs/benchmarks.md).
"""

import asyncio
import os
import ssl
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from yarl import URL

import prmkit
from prmkit.generators.openai_api.replies import HttpReply

_CONNECT_S = 10.0
_LONGEST = 64 << 20  # bytes of an answer: many times what the longest completion takes
_IDLE_S = (
    4.0  # servers commonly close an idle connection after 5 s; one closed meanwhile costs a try
)


class Unreachable(Exception):
    """No connection could be made."""


class Lost(Exception):
    """The connection ended before the answer was there whole, or what came was not HTTP."""


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


class _Target(NamedTuple):
    url: URL
    proxy: str | None
    """What stands between, by the usual environment variables."""
    tls: ssl.SSLContext | bool


class Session:
    """Connections to any number of servers; made and used within one event loop."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._targets: dict[str, _Target] = {}
        self._tls: ssl.SSLContext | None = None
        # No limit: callers bound what is in flight. Of the time-outs only that of connecting is
        # aiohttp's, so that a server that is not there is told from a slow one.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S)
        connect_s = min(_CONNECT_S, access.timeout_s)
        self._http = aiohttp.ClientSession(
            connector=connector,
            headers=access.headers(),
            skip_auto_headers=("accept-encoding",),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, method: str, url: str, body: bytes | None = None) -> HttpReply:
        """One attempt, at most `timeout_s` long; redirects are not followed.

        Raises:
            Unreachable: no connection.
            TimeoutError: no whole answer in time.
            Lost: the connection broke, or the answer is longer than any that was asked for.
        """
        target = self._target(url)
        try:
            async with (
                asyncio.timeout(self._access.timeout_s),
                self._http.request(
                    method,
                    target.url,
                    data=body,
                    proxy=target.proxy,
                    ssl=target.tls,
                    allow_redirects=False,
                ) as answer,
            ):
                content = await _read(answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(_why(error)) from error
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise Lost(str(error) or type(error).__name__) from error
        if self._access.key and answer.status != 200:
            # servers repeat the key when they refuse it
            content = content.replace(self._access.key.encode(), b"[key]")
        return HttpReply(answer.status, answer.headers, content)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def _target(self, url: str) -> _Target:
        if url not in self._targets:
            to = URL(url)
            proxy = None if proxy_bypass(to.authority) else getproxies().get(to.scheme)
            is_plain = to.scheme == "http" and not (proxy or "").startswith("https")
            self._targets[url] = _Target(to, proxy, is_plain or self._certificates())
        return self._targets[url]

    def _certificates(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.load_verify_locations(certifi.where())  # a bare system has none of its own
        return self._tls


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """All of an answer, unpacked, which is not trusted to end."""
    parts, n = list[bytes](), 0
    while part := await answer.content.readany():
        parts.append(part)
        n += len(part)
        if n > _LONGEST:
            raise Lost(f"an answer of more than {_LONGEST >> 20} MiB")
    return b"".join(parts)


async def open_session(access: Access) -> Session:
    """A session of the event loop that runs this."""
    return Session(access)


def _why(error: aiohttp.ClientError) -> str:
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error)
    number = error.os_error.errno
    # asyncio's own words for it name the call, not the cause
    cause = os.strerror(number) if number and number > 0 else error.os_error.strerror
    return cause or str(error)
