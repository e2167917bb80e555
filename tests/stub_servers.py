"""Small HTTP servers of our own on loopback: stand-ins for model servers, and a faulty proxy.

The model behind each stub writes words drawn from (prompt ids, seed), so that a reply depends on
nothing else. Each server runs an event loop in a thread and counts what it was asked.
"""

import asyncio
import contextlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

WORDS = [
    "so",
    "then",
    "we",
    "add",
    "two",
    "and",
    "get",
    "forty",
    "apples",
    "minus",
    "seven",
    "is",
    "five",
    "hence",
    "done",
]


class Reply(NamedTuple):
    """What a handler answers."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[str, str, Any], Reply]
"""From method, path and decoded JSON body to a reply."""


class Loopback:
    """A server in a thread; a context manager that gives its base URL."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.n_connections = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, port: int = 0) -> None:
        self._ready.clear()
        self.thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self.thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._main.cancel)
        self.thread.join(10)
        self.loop = asyncio.new_event_loop()

    def __enter__(self) -> "Loopback":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.loop.close()

    def _run(self, port: int) -> None:
        asyncio.set_event_loop(self.loop)
        self._main = self.loop.create_task(self._listen(port))
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self._main)
        self.loop.run_until_complete(self._hang_up())
        self.loop.close()

    async def _hang_up(self) -> None:
        """Leave no transport open: one that is collected later fails whatever test then runs."""
        await asyncio.sleep(0)  # a connection just accepted begins, so that it can be ended
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.01)  # transports close in a later turn of the loop

    async def _listen(self, port: int) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.n_connections += 1
        try:
            while (asked := await read_request(reader)) is not None:
                if not await self.answer(asked, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def answer(self, asked: "Asked", writer: asyncio.StreamWriter) -> bool:
        """Write the reply; whether the connection stays open."""
        raise NotImplementedError


class Asked(NamedTuple):
    """A request as read from a connection."""

    method: str
    path: str
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """The next request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head.split(" ", 2)
    length = next(
        (int(h.split(":")[1]) for h in head.split("\r\n") if h.lower().startswith("content-len")), 0
    )
    return Asked(method, path, await reader.readexactly(length))


def write_reply(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Write a reply whole; a body that is bytes as it is, anything else as JSON."""
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    lines = "".join(f"{k}: {v}\r\n" for k, v in (headers | dict(reply.headers)).items())
    writer.write(f"HTTP/1.1 {reply.status} OK\r\n{lines}\r\n".encode() + body)


class Stub(Loopback):
    """A server over a handler; remembers the JSON of every POST."""

    def __init__(self, handler: Handler, delay_s: float = 0.0) -> None:
        super().__init__()
        self.handler = handler
        self.delay_s = delay_s
        self.posts: list[tuple[str, Any]] = []
        self.n_under_way = 0
        self.n_most_under_way = 0

    def completions(self) -> list[Any]:
        """Bodies of the completion requests so far."""
        return [body for path, body in self.posts if path.endswith("completions")]

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        body = json.loads(asked.body) if asked.body else None
        if asked.method == "POST":
            self.posts.append((asked.path, body))
        self.n_under_way += 1
        self.n_most_under_way = max(self.n_most_under_way, self.n_under_way)
        try:
            await asyncio.sleep(self.delay_s)
            write_reply(writer, self.handler(asked.method, asked.path, body))
            await writer.drain()
        finally:
            self.n_under_way -= 1
        return True


def refuse(message: str, status: int = 400) -> Reply:
    """An error in OpenAI's form."""
    return Reply({"error": {"message": message, "code": status}}, status)


class VllmLike:
    """Takes ids and text, lists its models, tokenizes, obeys `n` with seed + i."""

    def __init__(self, tokenizer: Any, model: str = "tiny", context: int = 512) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.context = context
        self.has_tokenize = True
        self.takes_ids = True
        self.seed_of: Callable[[int], int] = lambda seed: seed

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/models":
            entry = {"id": self.model, "owned_by": "vllm", "max_model_len": self.context}
            return Reply({"data": [entry | {"root": "/models/tiny"}]})
        if path == "/version":
            return Reply({"version": "0.99.1"})
        if path == "/tokenize" and self.has_tokenize:
            ids = self.ids_of(body["prompt"], special=body["add_special_tokens"])
            return Reply({"tokens": ids, "count": len(ids), "max_model_len": self.context})
        if path == "/v1/completions":
            return self.complete(body)
        if path == "/v1/chat/completions":
            return self.chat(body)
        return Reply({"detail": "Not Found"}, 404)

    def ids_of(self, text: str, *, special: bool) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    def complete(self, body: Any) -> Reply:
        prompt = body["prompt"]
        if isinstance(prompt, list) and not self.takes_ids:
            return refuse("prompt must be a string.")
        special = body.get("add_special_tokens", True)
        ids = prompt if isinstance(prompt, list) else self.ids_of(prompt, special=special)
        return self.reply(body, ids, lambda text: {"text": text})

    def chat(self, body: Any) -> Reply:
        goes_on = body.get("continue_final_message", False)
        opens = body.get("add_generation_prompt", True)
        if goes_on and opens:
            return refuse("both cannot be true")
        text = self.tokenizer.apply_chat_template(
            body["messages"],
            tokenize=False,
            add_generation_prompt=opens,
            continue_final_message=goes_on,
        )
        ids = self.ids_of(text, special=False)
        return self.reply(body, ids, lambda t: {"message": {"role": "assistant", "content": t}})

    def reply(self, body: Any, ids: list[int], field: Callable[[str], Any]) -> Reply:
        limit = body.get("max_tokens", 16)
        if len(ids) + limit > self.context:
            return refuse(f"maximum context length is {self.context} tokens")
        choices = [
            field(text) | {"index": i, "finish_reason": reason}
            for i in range(body.get("n", 1))
            for text, reason in [write_text(ids, self.seed_of(body["seed"]) + i, body)]
        ]
        usage = {"prompt_tokens": len(ids), "completion_tokens": 7}
        return Reply({"model": self.model, "choices": choices, "usage": usage})


class TransformersLike(VllmLike):
    """Text only, strict fields, no `n`, /v1/models broken, adds special tokens to text."""

    FIELDS = frozenset(
        [
            "model",
            "prompt",
            "messages",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "stream",
            "n",
            "generation_config",
            "frequency_penalty",
            "presence_penalty",
        ]
    )

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/models":
            return Reply(b"Internal Server Error", 500, (("content-type", "text/plain"),))
        if path == "/openapi.json":
            return Reply({"paths": {"/load_model": {}, "/reset": {}, "/v1/completions": {}}})
        if method == "POST" and (odd := body.keys() - self.FIELDS):
            return Reply({"detail": f"Unexpected fields in the request: {sorted(odd)}"}, 422)
        if path == "/v1/completions":
            if not isinstance(body["prompt"], str):
                return Reply({"detail": "prompt must be a string."}, 400)
            return self.complete(body | {"n": 1})
        if path == "/v1/chat/completions":
            return self.chat(body | {"n": 1})
        return Reply({"detail": "Not Found"}, 404)


class HostedLike(VllmLike):
    """Chat only, OpenAI's own fields only, no way to continue a turn."""

    FIELDS = frozenset(
        [
            "model",
            "messages",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "stream",
            "n",
            "frequency_penalty",
            "presence_penalty",
        ]
    )

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/models":
            return Reply({"data": [{"id": self.model, "owned_by": "somebody"}]})
        if path != "/v1/chat/completions":
            return refuse("no such path", 404)
        if odd := body.keys() - self.FIELDS:
            return refuse(f"Unrecognized request argument: {sorted(odd)[0]}")
        return self.chat(body)


def write_text(ids: list[int], seed: int, body: Any) -> tuple[str, str]:
    """The stub model: words of (prompt, seed), one a token; greedy at temperature 0."""
    chance = random.Random(f"{ids} {seed if body['temperature'] else 'greedy'}")
    wanted = chance.randint(3, 30)
    n = min(wanted, body["max_tokens"])
    text = " ".join(chance.choices(WORDS, k=n))
    ends = [at for stop in body.get("stop", ()) if (at := text.find(stop)) >= 0]
    if ends:
        return text[: min(ends)], "stop"
    return text, "stop" if wanted <= body["max_tokens"] else "length"


QUICK_FAULTS = ("500", "429", "reset", "torn", "html", "empty", "closed")
FAULTS = (*QUICK_FAULTS, "drip")


class FaultyProxy(Loopback):
    """Forwards to another server on loopback and spoils a share of the completions."""

    def __init__(self, upstream_port: int, share: float = 0.3, seed: int = 0) -> None:
        super().__init__()
        self.upstream_port = upstream_port
        self.share = share
        self.chance = random.Random(seed)
        self.is_armed = False
        self.kinds: Sequence[str] = FAULTS
        self.drip_s = 0.05
        """Seconds between two bytes of a reply that drips, the last of which never comes."""
        self.faults: Counter[str] = Counter()
        self.whole: Counter[bytes] = Counter()
        """How often the reply to each request body was passed on whole."""

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        fault = ""
        if self.is_armed and asked.method == "POST" and self.chance.random() < self.share:
            fault = self.chance.choice(self.kinds)
            self.faults[fault] += 1
        if fault == "500":
            write_reply(writer, Reply(b"oops", 500, (("content-type", "text/plain"),)))
        elif fault == "429":
            write_reply(writer, Reply({"error": "slow"}, 429, (("retry-after", "0"),)))
        elif fault == "closed":
            return False
        else:
            return await self._pass_on(asked, writer, fault)
        await writer.drain()
        return True

    async def _pass_on(self, asked: Asked, writer: asyncio.StreamWriter, fault: str) -> bool:
        head, body = await self._fetch(asked)
        if fault == "html":
            html = (("content-type", "text/html"),)
            write_reply(writer, Reply(b"<html>gateway</html>", 200, html))
        elif fault == "empty":
            write_reply(writer, Reply({"choices": [], "usage": None}))
        elif fault == "torn":
            write_reply(writer, Reply(body[: len(body) // 2]))
        elif fault in ("reset", "drip"):
            writer.write(head + body[: len(body) // 2])
            await writer.drain()
            if fault == "drip":
                await self._drip(writer, body[len(body) // 2 :])
            return False
        else:
            # counted before it is sent: a quick reader would look before the count
            if asked.method == "POST" and head.startswith(b"HTTP/1.1 200"):
                self.whole[asked.body] += 1
            writer.write(head + body)
        await writer.drain()
        return True

    async def _drip(self, writer: asyncio.StreamWriter, rest: bytes) -> None:
        """A byte at a time, each in time, all of them never."""
        for at in range(len(rest) - 1):
            writer.write(rest[at : at + 1])
            await writer.drain()
            await asyncio.sleep(self.drip_s)

    async def _fetch(self, asked: Asked) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        self._writers.add(writer)
        head = (
            f"{asked.method} {asked.path} HTTP/1.1\r\nhost: upstream\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(asked.body)}\r\n\r\n"
        )
        writer.write(head.encode() + asked.body)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        writer.close()
        # the connection to the client stays open, whatever happens to this one
        return answered.replace(b"connection: close\r\n", b""), body


@contextmanager
def serving(handler: Handler, delay_s: float = 0.0) -> Iterator[Stub]:
    """A stub over this handler, while the block runs."""
    with Stub(handler, delay_s) as stub:
        assert isinstance(stub, Stub)
        yield stub
