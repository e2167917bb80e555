"""What a recipe will cost, before anything is paid for. Rough: the assumptions are printed too."""

from typing import NamedTuple

from prmkit.config import Recipe
from prmkit.synthetic.problems import SPLITS

_TOKENS_A_STEP = 17  # of the synthetic world's language and tokenizer
_DRAWS_A_RIGHT_STEP = 1.5  # until the first success, for a policy that recovers two times in three
_SHARE_WRONG = 0.5  # of solutions; each costs K draws once where the annotator stops there
_JUDGE_TOKENS_A_STEP = 4
_TOKENS_A_SECOND = 6000  # generated, by the shipped models on two cores


class _Line(NamedTuple):
    stage: str
    n_calls: float
    generated_tokens: float


def estimate(recipe: Recipe) -> str:
    """Calls, tokens and time of each model stage, as text."""
    lines = _lines(recipe)
    total = _Line("all", sum(x.n_calls for x in lines), sum(x.generated_tokens for x in lines))
    rows = [
        f"{x.stage:<12} {x.n_calls:>12,.0f} calls {x.generated_tokens:>14,.0f} generated tokens"
        f" {x.generated_tokens / _TOKENS_A_SECOND:>8,.0f} s"
        for x in [*lines, total]
    ]
    assumed = (
        f"Assumed: {_steps():.1f} steps a solution, {_TOKENS_A_STEP} tokens a step, "
        f"{_TOKENS_A_SECOND} tokens/s on two cores; sequential annotation draws "
        f"{_DRAWS_A_RIGHT_STEP} completions at a right step and K at the first wrong one of "
        f"{_SHARE_WRONG:.0%} of the solutions. Training and scoring are not counted."
    )
    return "\n".join([*rows, assumed])


def _steps() -> float:
    """Mean steps of a solution over the splits: operations and the answer."""
    return sum(sum(d.operations) / 2 + 1 for d in SPLITS.values()) / len(SPLITS)


def _lines(recipe: Recipe) -> list[_Line]:
    sizes, splits = recipe.problems, len(SPLITS)
    each = sum(policy.samples for policy in recipe.policies.values())
    labelled = sizes.n_train * splits * each
    written = (sizes.n_train + sizes.n_validation + sizes.n_process) * splits * each
    written += sizes.n_best_of_n * splits * recipe.evaluation.best_of
    judged = labelled + recipe.evaluation.process_cases * splits
    draws = labelled * _draws(recipe)
    votes = judged * recipe.judge.votes
    return [
        _Line("solutions", written, written * _steps() * _TOKENS_A_STEP),
        _Line("rollouts", draws, draws * _steps() / 2 * _TOKENS_A_STEP),
        _Line("judge", votes, votes * _steps() * _JUDGE_TOKENS_A_STEP),
    ]


def _draws(recipe: Recipe) -> float:
    """Completions a solution."""
    rollouts = recipe.rollouts
    steps = _steps() - rollouts.finished_is_known
    if rollouts.annotator == "exhaustive":
        return rollouts.k * steps
    right = (1 - _SHARE_WRONG / 2) * steps * min(_DRAWS_A_RIGHT_STEP, rollouts.k)
    return right + _SHARE_WRONG * rollouts.k
