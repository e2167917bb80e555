"""Requests a second: prmkit's server client against bare httpx load loops on the same work.

A stub server in a process of its own answers each request after a fixed time, so the client is what
is measured. The work: `--requests` draws, 8 a prefix, of some 300 prompt tokens as ids, 256 in
flight. Three clients take turns within a round:

* `ours`: tasks through `drive`, with `OpenAiGenerator`: rendering, encoding, ordering, seeds,
  checks and typed replies included. `ours+journal` keeps each reply in a `Journal` as well.
* `loop`: one `httpx.AsyncClient` for all, 256 coroutines that post and decode JSON: the loop that
  one writes first.
* `loop/conn`: the same with a client a connection, which spares httpx the search through its pool.

    python benchmarks/client.py [--requests 4000] [--rounds 3] [--latency 0.05]

Printed are medians over rounds: requests a second of wall time, requests a CPU second of the
client's process, and the wall rate as a share of `ours`.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from prmkit.config import ModelConfig
from prmkit.generators.base import Completion, Message, Reply, Request, Sampling
from prmkit.generators.drive import Cache, Task, drive
from prmkit.generators.load import load_config
from prmkit.store import Journal

IN_FLIGHT = 256
DRAWS = 8
SAMPLING = Sampling(temperature=0.7, top_p=0.8, max_new_tokens=512)
TEXT = "Adding both gives 42, so the answer is \\boxed{42}. " * 6


class Timing(NamedTuple):
    """What one client took for all requests."""

    wall_s: float
    cpu_s: float


class Stub(asyncio.Protocol):
    """Answers every POST after a fixed time with a completion that depends on the seed."""

    latency_s = 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._out = cast(asyncio.Transport, transport)
        self._in = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there whole."""
        self._in += data
        while (end := self._in.find(b"\r\n\r\n")) >= 0:
            head = self._in[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._in) < end + 4 + length:
                return
            body, self._in = self._in[end + 4 : end + 4 + length], self._in[end + 4 + length :]
            is_drawn = head.startswith(b"post /v1/")
            answer = self.completion(body) if is_drawn else self.other(head)
            wait_s = self.wait_s(body) if is_drawn else 0.0
            asyncio.get_running_loop().call_later(wait_s, self._out.write, answer)

    def wait_s(self, body: bytes) -> float:
        """Seconds that an answer takes."""
        return self.latency_s

    def other(self, head: bytes) -> bytes:
        """The answer to a GET: the models."""
        entry = {"id": "stub", "owned_by": "vllm", "max_model_len": 4096}
        return http({"object": "list", "data": [entry]})

    def completion(self, body: bytes) -> bytes:
        """The answer to a POST."""
        # decoding the whole request would make the server the slower side
        at = body.find(b'"seed":') + 7
        seed = int(body[at : at + 17].split(b",", 1)[0].split(b"}", 1)[0])
        start = body.find(b'"prompt":[')
        n_prompt = body.count(b",", start, body.find(b"]", start)) + 1 if start >= 0 else 0
        choice = {"index": 0, "text": f"{TEXT}{seed}", "finish_reason": "stop", "logprobs": None}
        usage = {"completion_tokens": 100} | ({"prompt_tokens": n_prompt} if n_prompt else {})
        fields = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "stub"}
        return http(fields | {"choices": [choice] * (b'"n":2' in body) + [choice], "usage": usage})


def http(body: Any) -> bytes:
    """A reply with a JSON body."""
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    return head.encode() + b"\r\n\r\n" + content


def serve(port: Connection, latency_s: float, kind: type[Stub] = Stub) -> None:
    """Run the stub; its port goes through the pipe."""

    async def listen() -> None:
        kind.latency_s = latency_s
        server = await asyncio.get_running_loop().create_server(kind, "127.0.0.1", 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(listen())


def save_tokenizer(directory: Path) -> PreTrainedTokenizerFast:
    """One token a character, with a chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({t: i for i, t in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    tokenizer.save_pretrained(directory)
    return tokenizer


def requests(n: int, first_seed: int) -> list[Request]:
    """The work."""
    prefix = "We add the apples that Ann has to those of Ben.\n\n"
    return [
        Request(
            messages=(Message(role="user", content=f"Problem {i // DRAWS // 4}: " + "how " * 40),),
            prefix=prefix * (1 + i // DRAWS % 4),
            seed=first_seed + i,
            sampling=SAMPLING,
        )
        for i in range(n)
    ]


def one(request: Request) -> Task[Reply]:
    """A task of one request."""
    (reply,) = yield [request]
    return reply


def ours(url: str, directory: Path, cache: Cache | None) -> Callable[[list[Request]], int]:
    """`drive` over an `OpenAiGenerator`."""
    config = ModelConfig(
        model="stub",
        base_url=(url,),
        tokenizer=str(directory),
        sampling=SAMPLING,
        max_in_flight=IN_FLIGHT,
    )
    generator = load_config(config)

    def run(work: list[Request]) -> int:
        replies = drive(map(one, work), generator, cache, max_open=4 * IN_FLIGHT)
        return sum(isinstance(reply, Completion) for _, reply in replies)

    return run


def bodies(tokenizer: PreTrainedTokenizerFast, work: list[Request]) -> Iterator[dict[str, Any]]:
    """The same requests as a loop would write them, each prefix encoded once."""
    known: dict[tuple[str, str], list[int]] = {}
    for request in work:
        key = (request.messages[0].content, request.prefix)
        if key not in known:
            known[key] = tokenizer(f"{key[0]}\n{key[1]}", add_special_tokens=False)["input_ids"]
        yield {
            "model": "stub",
            "prompt": known[key],
            "seed": request.seed,
            "max_tokens": 512,
            "temperature": 0.7,
            "top_p": 0.8,
            "top_k": -1,
        }


def bodies_loop(
    url: str, tokenizer: PreTrainedTokenizerFast, work: list[Request], *, client_a_connection: bool
) -> int:
    """Coroutines that post and decode, over one client or one each; the number of completions."""
    most = 1 if client_a_connection else IN_FLIGHT
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)

    async def post_all(client: httpx.AsyncClient, work: Iterator[dict[str, Any]]) -> int:
        n = 0
        for body in work:
            reply = await client.post(f"{url}/completions", json=body)
            n += isinstance(reply.json()["choices"][0]["text"], str)
        return n

    async def run_all() -> int:
        tls = httpx.create_ssl_context()
        n_clients = IN_FLIGHT if client_a_connection else 1
        clients = [
            httpx.AsyncClient(limits=limits, timeout=60, verify=tls) for _ in range(n_clients)
        ]
        shared = bodies(tokenizer, work)
        done = [post_all(clients[i % n_clients], shared) for i in range(IN_FLIGHT)]
        n = sum(await asyncio.gather(*done))
        for client in clients:
            await client.aclose()
        return n

    return asyncio.run(run_all())


def loop(
    url: str, tokenizer: PreTrainedTokenizerFast, *, client_a_connection: bool
) -> Callable[[list[Request]], int]:
    """The loop as a client of this benchmark."""
    return lambda work: bodies_loop(url, tokenizer, work, client_a_connection=client_a_connection)


def timed(run: Callable[[list[Request]], int], work: list[Request]) -> Timing:
    """Run once and check the amount of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    n = run(work)
    timing = Timing(time.perf_counter() - wall, time.process_time() - cpu)
    if n != len(work):
        raise RuntimeError(f"{n} completions for {len(work)} requests")
    return timing


def report(timings: dict[str, list[Timing]], n: int) -> None:
    """Print medians over rounds."""
    print(f"{'client':14}{'requests/s':>12}{'requests/CPU s':>16}{'rate, ours = 1':>16}")
    rates = {k: statistics.median(n / t.wall_s for t in rounds) for k, rounds in timings.items()}
    for name, rounds in timings.items():
        cpu = statistics.median(n / t.cpu_s for t in rounds)
        print(f"{name:14}{rates[name]:12.0f}{cpu:16.0f}{rates[name] / rates['ours']:16.2f}")


def main() -> None:
    """Read options, start the stub, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, options.latency), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{mine.recv()}/v1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = save_tokenizer(folder)
        with Journal(folder / "journal.sqlite") as journal:
            clients = {
                "ours": ours(url, folder, None),
                "ours+journal": ours(url, folder, journal),
                "loop": loop(url, tokenizer, client_a_connection=False),
                "loop/conn": loop(url, tokenizer, client_a_connection=True),
            }
            timings: dict[str, list[Timing]] = {name: [] for name in clients}
            for run in clients.values():
                run(requests(64, 10**6))
            for at in range(options.rounds):
                for name, run in clients.items():
                    work = requests(options.requests, at * options.requests)
                    timings[name].append(timed(run, work))
    server.terminate()
    print(f"{options.requests} requests, {IN_FLIGHT} in flight, {options.latency:g} s each")
    report(timings, options.requests)


if __name__ == "__main__":
    main()
