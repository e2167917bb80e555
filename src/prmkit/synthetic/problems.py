"""The synthetic data set: four splits of rising difficulty, and parts that never share a problem.

The splits stand where GSM8K, MATH, OlympiadBench and Omni-MATH stand in the paper. A part is what a
problem is used for (train, validation, process, best_of_n). Problems are told apart by the hash of
their text, and a problem that an earlier part has is drawn again, so no two parts overlap.
"""

import hashlib
import random
from collections.abc import Mapping

from prmkit.records import Problem
from prmkit.synthetic.language import question_text
from prmkit.synthetic.world import Difficulty, World, make_world

SPLITS: dict[str, Difficulty] = {
    "easy": Difficulty(operations=(2, 3), distractors=(0, 1), shuffled=0.0, largest=99),
    "medium": Difficulty(
        operations=(3, 5), distractors=(0, 2), shuffled=0.1, largest=99, unusual=0.05
    ),
    "hard": Difficulty(
        operations=(5, 6),
        distractors=(1, 3),
        shuffled=0.1,
        largest=150,
        remainder=0.05,
        unusual=0.1,
    ),
    "hardest": Difficulty(
        operations=(7, 8),
        distractors=(2, 3),
        shuffled=0.15,
        largest=150,
        remainder=0.05,
        unusual=0.1,
    ),
}
"""Difficulty by split, easiest first."""

PARTS = ("train", "validation", "process", "best_of_n")
"""What problems are used for, in the order in which they are drawn."""


def content_hash(question: str) -> str:
    """Hash of a question's text without case and spacing; equal for equal problems."""
    return hashlib.sha256(" ".join(question.lower().split()).encode()).hexdigest()


def to_problem(world: World, problem_id: str, split: str) -> Problem:
    """A world as a problem record, its truth in `spec`."""
    return Problem(
        problem_id=problem_id,
        question=question_text(world),
        answer=world.answer(),
        answer_kind=world.kind,
        split=split,
        spec=world.model_dump_json(),
    )


def make_parts(seed: int, sizes: Mapping[str, int]) -> dict[str, list[Problem]]:
    """Draw the parts of a data set.

    Args:
        seed: Seed of the data set.
        sizes: Problems a split for each part in `PARTS`; a part that is absent is empty.

    Returns:
        Problems by part, splits in turn. No content hash occurs twice.
    """
    seen = set[str]()
    return {
        part: [
            problem
            for split in SPLITS
            for problem in _draw(seed, part, split, sizes.get(part, 0), seen)
        ]
        for part in PARTS
    }


def _draw(seed: int, part: str, split: str, n: int, seen: set[str]) -> list[Problem]:
    rng = random.Random(f"problems/{seed}/{part}/{split}")
    problems: list[Problem] = []
    while len(problems) < n:
        world = make_world(rng, SPLITS[split])
        problem = to_problem(world, f"{part}-{split}-{len(problems):05d}", split)
        digest = content_hash(problem.question)
        if digest not in seen:
            seen.add(digest)
            problems.append(problem)
    return problems
