"""Several servers as one: who gets the next request, who is left alone for a while.

A request goes to the server with the fewest requests under way; its problem's own server is
preferred while that one has hardly more than the least, because its cache holds the prefix. A
server that cannot be reached is left, for longer each time, and tried again; one that says
Retry-After rests that long.
"""

from collections.abc import Sequence

_SLACK = 8  # requests more than the least that a problem's own server may have under way
_FIRST_LEAVE_S = 1.0
_LONGEST_LEAVE_S = 60.0


class Server:
    """One base URL and what is known of its state."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.n_under_way = 0
        """Requests sent and not answered."""
        self.n_left = 0
        """Times in a row that it could not be reached."""
        self.rests_until = 0.0
        """Not to be asked before this time of the loop's clock, if another can be."""


class Pool:
    """All servers of one model."""

    def __init__(self, base_urls: Sequence[str]) -> None:
        self.servers = [Server(url) for url in base_urls]

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
