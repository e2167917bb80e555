r"""Text to steps and back, and steps to labels up to the first error.

A solution is paragraphs joined by a blank line, as in the Qwen2.5-Math PRMs: a step is what stands
between two "\n\n". Steps carry no surrounding white space and are never blank, so a text with
stray blank lines differs from its joined steps by that white space alone; `split_exact` keeps it.
"""

from collections.abc import Sequence

from prmkit.errors import DataError
from prmkit.records import LabelledSolution, Problem, Question, Solution

DELIMITER = "\n\n"


def split_steps(text: str, delimiter: str = DELIMITER) -> tuple[str, ...]:
    """Steps of a solution text, stripped; blank ones are left out. A blank text has none."""
    return tuple(step for piece in text.split(delimiter) if (step := piece.strip()))


def split_exact(text: str, delimiter: str = DELIMITER) -> tuple[str, ...]:
    r"""Pieces of a text, one a step, that together are exactly the text.

    A step's piece runs to where the next step's paragraph begins; blank paragraphs belong to the
    piece before them, or to the first one. With a delimiter of white space, the stripped pieces
    are `split_steps(text)`.

    Returns:
        The pieces, with "".join(pieces) == text; a blank text is one blank piece, "" is none.
    """
    pieces: list[str] = []
    for paragraph in _paragraphs(text, delimiter):
        if pieces and (not paragraph.strip() or not pieces[-1].strip()):
            pieces[-1] += paragraph
        else:
            pieces.append(paragraph)
    return tuple(pieces)


def join_steps(steps: Sequence[str], delimiter: str = DELIMITER) -> str:
    """The solution text: steps with the delimiter between them."""
    return delimiter.join(steps)


def prefix_text(steps: Sequence[str], n_steps: int, delimiter: str = DELIMITER) -> str:
    """The first n_steps steps, each followed by the delimiter, so that a new paragraph is next.

    Raises:
        ValueError: n_steps is not in [0, len(steps)].
    """
    if not 0 <= n_steps <= len(steps):
        raise ValueError(f"a prefix of {n_steps} steps of a solution with {len(steps)}")
    return "".join(step + delimiter for step in steps[:n_steps])


def label_steps(
    solution: Solution, problem: Problem, first_error: int | None, source: str
) -> LabelledSolution:
    """Hard labels from the place of the first error: 1 before it, 0 at it, later steps cut.

    Raises:
        DataError: the problem is not the solution's, or first_error is not one of its steps.
    """
    check_same_problem(solution, problem)
    n_steps = len(solution.steps)
    if first_error is not None and not 0 <= first_error < n_steps:
        raise DataError(f"{solution.solution_id}: first_error {first_error} of {n_steps} steps")
    n_right = n_steps if first_error is None else first_error
    n_kept = n_steps if first_error is None else first_error + 1
    return LabelledSolution(
        solution_id=solution.solution_id,
        question=problem.question,
        steps=solution.steps[:n_kept],
        labels=tuple(1.0 if step < n_right else 0.0 for step in range(n_kept)),
        source=source,
    )


def check_same_problem(solution: Solution, problem: Question) -> None:
    """Refuse a solution paired with another problem.

    Raises:
        DataError: the ids differ.
    """
    if solution.problem_id != problem.problem_id:
        raise DataError(
            f"{solution.solution_id}: solves {solution.problem_id}, not {problem.problem_id}"
        )


def _paragraphs(text: str, delimiter: str) -> list[str]:
    """Paragraphs with the delimiter that ends each; together the text."""
    *ended, last = text.split(delimiter)
    return [paragraph + delimiter for paragraph in ended] + ([last] if last else [])
