"""`prm rollout` against a bare httpx load loop, and against distilabel's Math-Shepherd completer.

A stub server in a process of its own answers each request after a fixed time, or after a time for
each token that it "writes" (`--per-token`), which is what a model does. Three figures:

* requests a second at the server, from the first to the last, of `prm rollout` (in this process:
  recipe, probe, rendering, encoding, seeds, ordering, journal, answer checks, tables) and of loops
  that only post and decode, 256 in flight;
* labelled steps a second of `prm rollout` and of distilabel (`--distilabel PYTHON`, an interpreter
  that has it), with the same number of draws a step: K = N = 1, where both send one request a step,
  and K = N = 8, where distilabel asks for eight solutions in one reply;
* the same a CPU second of the client, which is the figure to read on a machine that others use.

A draw is right in three cases of four. Labelled steps are those with a hard label; distilabel
labels all.

    python benchmarks/rollout.py [--solutions 64] [--steps 8] [--rounds 3] [--per-token 0.0005]
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
from client import IN_FLIGHT, Stub, bodies_loop, http, save_tokenizer, serve

from prmkit.cli.main import main as prm
from prmkit.generators.base import Message, Request, Sampling
from prmkit.records import LabelledSolution, McAnnotation, Problem
from prmkit.store import read_records, write_records

SAMPLING = Sampling(temperature=0.7, top_p=0.8, max_new_tokens=2048)
TOKENS = 100  # of a completion
SLOW = 16  # the loop over one client gets a part of the work, it is that much slower
PROBES = 16  # the most tokens that a start-up probe asks for
RIVAL = Path(__file__).parent / "rival_distilabel.py"


class Timed(Stub):
    """Says when its first and last completions were asked for; writes several if a chat asks."""

    per_token_s = 0.0
    n = 0
    first = last = 0.0

    def completion(self, body: bytes) -> bytes:
        """A completion by seed, or a chat reply with as many solutions as the prompt asks for."""
        kind = type(self)
        if _max_tokens(body) > PROBES:
            now = time.monotonic()
            kind.first = kind.first or now
            kind.last, kind.n = now, kind.n + 1
        if b'"messages"' not in body:
            said = super().completion(body)
            return said if kind.n % 4 else said.replace(b"{42}", b"{41}")
        texts = []
        for i in range(_wanted(body)):
            answer = 42 if (kind.n + i) % 4 else 41
            texts.append(f"Step 3: We add and get {kind.n}.\nThe answer is: {answer}")
        message = {"role": "assistant", "content": "\n---\n".join(texts)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 300, "completion_tokens": TOKENS * len(texts)}
        usage["total_tokens"] = sum(usage.values())
        fields = {"id": "c", "object": "chat.completion", "created": 1, "model": "stub"}
        return http(fields | {"choices": [choice], "usage": usage})

    def wait_s(self, body: bytes) -> float:
        """A fixed time and a time a token."""
        n = _wanted(body) if b'"messages"' in body else 1
        return self.latency_s + self.per_token_s * min(TOKENS, _max_tokens(body)) * n

    def other(self, head: bytes) -> bytes:
        """The models, or the times so far, which then start anew."""
        if not head.startswith(b"get /stats"):
            return super().other(head)
        kind = type(self)
        said = http({"n": kind.n, "seconds": kind.last - kind.first})
        kind.n, kind.first, kind.last = 0, 0.0, 0.0
        return said


def _max_tokens(body: bytes) -> int:
    """Its limit; decoding whole requests would make the server the slower side."""
    at = body.find(b'"max_tokens":') + 13
    return int(body[at : at + 9].split(b",", 1)[0].split(b"}", 1)[0])


def _wanted(body: bytes) -> int:
    """How many solutions distilabel's template asks for."""
    at = body.find(b"Generate ")
    word = body[at + 9 : at + 13].split(b" ", 1)[0] if at >= 0 else b""
    return int(word) if word.isdigit() else 1


class Rate(NamedTuple):
    """What one client did in one round."""

    per_s: float
    """Requests or steps a second of wall time."""
    per_cpu_s: float
    """The same a CPU second of the client."""


def write_inputs(folder: Path, n: int, n_steps: int) -> None:
    """Solutions and their problems, as `prm import` would leave them."""
    steps = tuple(f"Step {i + 1}: Adding gives {i + 2} apples in all." for i in range(n_steps))
    rows = [
        LabelledSolution(
            solution_id=f"s{i}",
            question=f"Problem {i}: " + "how " * 40,
            steps=(*steps[:-1], f"{steps[-1]} The answer is \\boxed{{42}}."),
            labels=(1.0,) * n_steps,
            source="made",
        )
        for i in range(n)
    ]
    problems = [
        Problem(problem_id=f"p{i}", question=row.question, answer="42")
        for i, row in enumerate(rows)
    ]
    write_records(folder / "labelled.parquet", rows, LabelledSolution)
    write_records(folder / "problems.parquet", problems, Problem)


def write_recipe(folder: Path, url: str) -> Path:
    """The recipe of `prm rollout`."""
    path = folder / "recipe.yaml"
    completer = {
        "model": "stub",
        "base_url": url,
        "tokenizer": str(folder),
        "sampling": SAMPLING.model_dump(exclude={"stop"}),
        "max_in_flight": IN_FLIGHT,
    }
    rollouts = {"finished_is_known": True}
    settings = {"name": "b", "solutions": str(folder), "completer": completer}
    path.write_text(json.dumps(settings | {"rollouts": rollouts, "resamples": 100}))
    return path


def cpu_s() -> float:
    """Processor seconds of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class Bench:
    """One server and the work that all clients do."""

    def __init__(self, url: str, folder: Path, n: int, n_steps: int) -> None:
        self.url, self.folder, self.n, self.n_steps = url, folder, n, n_steps
        self.tokenizer = save_tokenizer(folder)
        write_inputs(folder, n, n_steps)
        self.recipe = write_recipe(folder, url)
        self._n_runs = 0

    def prm(self, k: int, annotator: str) -> dict[str, Rate]:
        """`prm rollout`, by requests and by labelled steps."""
        self._n_runs += 1
        out = self.folder / f"run{self._n_runs}"
        sys.argv = ["prm", "rollout", str(self.recipe), "--out", str(out)]
        for change in (f"rollouts.k={k}", f"rollouts.annotator={annotator}"):
            sys.argv += ["--set", change]
        self._stats()
        wall, cpu = time.perf_counter(), cpu_s()
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                prm()
            except SystemExit as ended:
                if ended.code:
                    raise RuntimeError(said.getvalue()) from ended
        wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
        n, seconds = self._stats()
        rows = read_records(out / "rollouts.parquet", McAnnotation)
        n_labelled = sum(step.hard is not None for row in rows for step in row.steps)
        return {
            "requests": Rate(n / seconds, n / cpu),
            "steps": Rate(n_labelled / wall, n_labelled / cpu),
        }

    def loop(self, k: int, *, client_a_connection: bool) -> Rate:
        """The bare loop on the requests of `prm rollout`."""
        work = list(self._requests(k))
        if not client_a_connection:
            work = work[: len(work) // SLOW]
        self._stats()
        cpu = cpu_s()
        n_done = bodies_loop(
            self.url, self.tokenizer, work, client_a_connection=client_a_connection
        )
        cpu = cpu_s() - cpu
        n, seconds = self._stats()
        if n_done != len(work):
            raise RuntimeError(f"{n_done} completions for {len(work)} requests")
        return Rate(n / seconds, n / cpu)

    def distilabel(self, python: str, k: int, batch: int) -> Rate:
        """The rival's labelled steps."""
        sizes = [str(x) for x in (self.n, self.n_steps, k, batch)]
        done = subprocess.run(
            [python, str(RIVAL), self.url, *sizes], capture_output=True, text=True, timeout=900
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        said = json.loads(done.stdout.strip().splitlines()[-1])
        return Rate(said["n_steps"] / said["wall_s"], said["n_steps"] / said["cpu_s"])

    def _requests(self, k: int) -> Iterator[Request]:
        seed = 0
        for i in range(self.n):
            for step in range(1, self.n_steps):
                prefix = "Step 1: Adding gives 2 apples in all.\n\n" * step
                for _ in range(k):
                    seed += 1
                    message = Message(role="user", content=f"Problem {i}: " + "how " * 40)
                    yield Request(messages=(message,), prefix=prefix, seed=seed, sampling=SAMPLING)

    def _stats(self) -> tuple[int, float]:
        said = httpx.get(self.url.removesuffix("/v1") + "/stats").json()
        return int(said["n"]), float(said["seconds"]) or 1e-9


def show(title: str, rates: dict[str, list[Rate]]) -> None:
    """Print medians over rounds, and ratios to the first row."""
    print(f"\n{title}\n{'client':34}{'a second':>10}{'a CPU s':>10}{'rate':>8}{'CPU rate':>10}")
    first = next(iter(rates.values()))
    base = [statistics.median(values) for values in zip(*first, strict=True)]
    for name, rounds in rates.items():
        wall, cpu = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{name:34}{wall:10.0f}{cpu:10.0f}{wall / base[0]:8.2f}{cpu / base[1]:10.2f}")


def run(bench: Bench, options: argparse.Namespace) -> None:
    """All rounds, clients in turn."""
    requests: dict[str, list[Rate]] = {}
    steps: dict[int, dict[str, list[Rate]]] = {1: {}, 8: {}}

    def note(rates: dict[str, list[Rate]], name: str, rate: Rate) -> None:
        rates.setdefault(name, []).append(rate)

    for _ in range(options.rounds):
        ours = bench.prm(8, "exhaustive")
        note(requests, "prm rollout", ours["requests"])
        note(requests, "loop, one client", bench.loop(8, client_a_connection=False))
        note(requests, "loop, a client a connection", bench.loop(8, client_a_connection=True))
        note(steps[8], "prm rollout, exhaustive", ours["steps"])
        note(steps[8], "prm rollout, sequential", bench.prm(8, "sequential")["steps"])
        note(steps[1], "prm rollout", bench.prm(1, "exhaustive")["steps"])
        for k, rates in steps.items() if options.distilabel else ():
            for batch in (50, IN_FLIGHT):
                name = f"distilabel, batches of {batch}"
                note(rates, name, bench.distilabel(options.distilabel, k, batch))
    show("Requests at the server, 8 draws a step", requests)
    show("Labelled steps, one draw a step", steps[1])
    show("Labelled steps, 8 draws a step", steps[8])


def main() -> None:
    """Read options, start the stub, run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--solutions", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--per-token", type=float, default=0.0, help="seconds a token besides")
    parser.add_argument("--distilabel", help="an interpreter that has distilabel")
    options = parser.parse_args()
    Timed.per_token_s = options.per_token
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(
        target=serve, args=(theirs, options.latency, Timed), daemon=True
    )
    server.start()
    with tempfile.TemporaryDirectory() as name:
        url = f"http://127.0.0.1:{mine.recv()}/v1"
        run(Bench(url, Path(name), options.solutions, options.steps), options)
    server.terminate()


if __name__ == "__main__":
    main()
