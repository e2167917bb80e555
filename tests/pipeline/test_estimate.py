"""Claims about cost estimates, by hand arithmetic."""

from pathlib import Path

import pytest

from prmkit.config import Recipe, load_recipe
from prmkit.pipeline.estimate import Line, assumed, cost_lines, estimate_text

RECIPES = Path(__file__).parents[2] / "recipes"


def estimate(recipe: Recipe, tokens_per_s: float) -> str:
    basis = assumed(recipe, tokens_per_s)
    return estimate_text(cost_lines(recipe, basis), basis)


def paper(*changes: str) -> Recipe:
    return load_recipe(RECIPES / "qwen2.5-math-7b.yaml", changes)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_that_ships_can_be_estimated_without_its_models_and_data(path: Path) -> None:
    assert "generated tokens" in estimate(load_recipe(path), tokens_per_s=1000)


def test_exhaustive_rollouts_are_k_a_step_of_what_the_completer_completes() -> None:
    changes = ("problems.n_train=990", "problems.n_validation=10", "problems.train=[absent]")
    lines = {(x.stage, x.model): x for x in cost_lines(paper(*changes))}
    # 1,000 problems, 2 samples of each of two policies, 8.8 steps, 8 draws a step
    assert lines["rollouts", "qwen25-7b"].n_calls == pytest.approx(1000 * 2 * 2 * 8.8 * 8)
    assert ("rollouts", "qwen2-7b") not in lines  # it completes nothing


def test_operations_are_two_a_parameter_and_token() -> None:
    line = Line("judge", "m", 1, prompt_tokens=300, generated_tokens=100, parameters=7e9)
    assert line.operations == 2 * 7e9 * 400
    assert line._replace(parameters=None).operations is None


def test_sizes_are_read_off_names_and_an_unknown_one_is_said_to_be_unknown() -> None:
    by_model = {x.model: x.parameters for x in cost_lines(paper())}
    assert by_model["qwen2-72b"] == 72e9
    assert by_model["Qwen/Qwen2.5-72B-Instruct"] == 72e9
    assert "size unknown" in estimate(paper("judge.model=mine"), tokens_per_s=1000)
