"""`prm run` on scripted models that know the right steps: all but the training."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import ModelConfig, Recipe
from prmkit.generators.base import Collected, Generator, Request
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.pipeline.context import Run
from prmkit.pipeline.findings import Report
from prmkit.pipeline.run import run_recipe
from prmkit.store import RunFolder
from prmkit.synthetic.language import gold_steps
from prmkit.synthetic.oracle import world_of
from prmkit.synthetic.problems import make_parts

SIZES = {"n_train": 5, "n_validation": 1, "n_process": 2, "n_best_of_n": 1}
PARTS = {name.removeprefix("n_"): n for name, n in SIZES.items()}
GOLD = {p.question: gold_steps(world_of(p)) for of in make_parts(3, PARTS).values() for p in of}


def recipe(annotator: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "scripted",
            "seed": 3,
            "problems": SIZES,
            "policies": {"policy": {"model": "policy", "samples": 3}},
            "rollouts": {"annotator": annotator, "k": 4, "finished_is_known": True},
            "judge": {"model": "judge", "prompt": "compact"},
            "training": {"base": "none"},
            "evaluation": {"best_of": 2, "process_cases": 2, "resamples": 100},
        }
    )


def policy(request: Request) -> str:
    """The right steps, with a wrong answer the more often the more steps are written."""
    steps = GOLD[request.messages[-1].content]
    chance = random.Random(f"{request.seed}/{request.prefix}")
    written = request.prefix.count("\n\n")
    hopeless = random.Random(request.prefix).random() < 0.15 and written
    rest = list(steps[written:]) or ["That is all."]
    if hopeless or chance.random() < 0.3:
        rest[-1] = rf"So the answer is \boxed{{{chance.randint(1000, 2000)}}}."
    if chance.random() < 0.05:
        rest += ["and so on"] * 300  # cut off
    return "\n\n".join(rest)


def judge(request: Request) -> str:
    text = request.messages[-1].content
    n_steps = text.count("</paragraph_")
    chance = random.Random(text)
    place = chance.choice([-1, chance.randint(0, n_steps)])  # n_steps is out of range
    return rf"\boxed{{{place}}}"


class Dying:
    """A generator that is interrupted once, after so many replies; counts what it delivered."""

    def __init__(self, inner: Generator, budget: list[int], paid: Counter[str]) -> None:
        self._inner, self._budget, self._paid = inner, budget, paid
        self._keys: dict[int, str] = {}

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    def submit(self, ticket: int, request: Request) -> None:
        self._keys[ticket] = request.key(self.model_id)
        self._inner.submit(ticket, request)

    def collect(self) -> list[Collected]:
        if self._budget[0] <= 0:
            raise KeyboardInterrupt
        collected = self._inner.collect()
        self._budget[0] -= len(collected)
        self._paid.update(self._keys[c.ticket] for c in collected)
        return collected


def run(
    out: Path,
    annotator: str,
    checker: AnswerChecker,
    n_replies: int = 10**9,
    paid: Counter[str] | None = None,
) -> tuple[Report, list[Request]]:
    """Do or go on with a run; its report and everything that the models were asked now.

    `paid` counts the replies received, by the key of their requests.
    """
    counted = Counter[str]() if paid is None else paid
    asked: list[Request] = []
    budget = [n_replies]

    def load(config: ModelConfig) -> Generator:
        script: Callable[[Request], str] = {"policy": policy, "judge": judge}[config.model]
        inner = ScriptedGenerator(script, release=40, shuffle_seed=1, model_id=config.model)
        inner.requests = asked
        return Dying(inner, budget, counted)

    with RunFolder.open(out, recipe(annotator)) as folder:
        return run_recipe(Run(recipe(annotator), folder, load, checker)), asked
