"""Claims about cost estimates, by hand arithmetic."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from prmkit.config import ModelConfig, Recipe, RolloutConfig, load_recipe
from prmkit.errors import ModelError
from prmkit.pipeline.estimate import (
    Line,
    assumed,
    cost_lines,
    draws_a_solution,
    estimate_text,
    n_parameters,
)

RECIPES = Path(__file__).parents[2] / "recipes"


def estimate(recipe: Recipe, tokens_per_s: float) -> str:
    basis = assumed(recipe, tokens_per_s)
    return estimate_text(cost_lines(recipe, basis), basis)


def paper(*changes: str) -> Recipe:
    return load_recipe(RECIPES / "qwen2.5-math-7b.yaml", changes)


def toy(*changes: str) -> Recipe:
    return load_recipe(RECIPES / "toy.yaml", changes)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_that_ships_can_be_estimated_without_its_models_and_data(path: Path) -> None:
    assert "generated tokens" in estimate(load_recipe(path), tokens_per_s=1000)


def test_exhaustive_rollouts_are_k_a_step_of_what_the_completer_completes() -> None:
    changes = ("problems.n_train=990", "problems.n_validation=10", "problems.train=[absent]")
    lines = {(x.stage, x.model): x for x in cost_lines(paper(*changes))}
    # 1,000 problems, 2 samples of each of two policies, 8.8 steps, 8 draws a step
    assert lines["rollouts", "qwen25-7b"].n_calls == pytest.approx(1000 * 2 * 2 * 8.8 * 8)
    assert ("rollouts", "qwen2-7b") not in lines  # it completes nothing


def test_a_judge_is_not_asked_about_cases_of_which_there_is_no_folder() -> None:
    sizes = ("problems.n_train=10", "problems.n_validation=1", "problems.train=[absent]")
    recipe = paper(*sizes, "problems.process=[]", "judge.votes=1")
    (judged,) = [x for x in cost_lines(recipe) if x.stage == "judge"]
    assert judged.n_calls == 11 * sum(policy.samples for policy in recipe.policies.values())


def test_a_judge_sees_no_more_cases_than_solutions_are_written_for_them() -> None:
    sizes = ("problems.n_train=3", "problems.n_process=5", "evaluation.process_cases=64")
    (judged,) = [x for x in cost_lines(toy(*sizes)) if x.stage == "judge"]
    # four splits; two policies write a solution of each problem, 3 to label and 5 to choose from
    assert judged.n_calls == 4 * 2 * (3 + 5)


def test_operations_are_two_a_parameter_and_token() -> None:
    line = Line("judge", "m", 1, prompt_tokens=300, generated_tokens=100, parameters=7e9)
    assert line.operations == 2 * 7e9 * 400
    assert line._replace(parameters=None).operations is None


def test_sizes_are_read_off_names_and_an_unknown_one_is_said_to_be_unknown() -> None:
    by_model = {x.model: x.parameters for x in cost_lines(paper())}
    assert by_model["qwen2-72b"] == 72e9
    assert by_model["Qwen/Qwen2.5-72B-Instruct"] == 72e9
    assert "size unknown" in estimate(paper("judge.model=mine"), tokens_per_s=1000)


# 10 steps at K = 8, level 0.1 and error 0.05; 1.5 draws a right step, half of the solutions wrong
@pytest.mark.parametrize(
    ("annotator", "draws"),
    [
        ("exhaustive", 80.0),
        ("sequential", 0.75 * 10 * 1.5 + 0.5 * 8),
        ("verify", 0.4 * (0.75 * 10 * 1.5 + 0.5 * 8) + 0.6 * 1.5),
        ("bisection", 0.5 * 1.5 + 0.5 * (1 + math.log2(10)) * (1.5 + 8) / 2),
        ("adaptive", 0.75 * 10 * 1.5 + 0.5 * 8),  # 28 failures would settle it; K is 8
    ],
)
def test_draws_a_solution_are_reckoned_by_the_annotator(annotator: str, draws: float) -> None:
    rollouts = RolloutConfig.model_validate({"annotator": annotator, "k": 8})
    assert draws_a_solution(rollouts, 10) == pytest.approx(draws)
    many = rollouts.model_copy(update={"k": 100})
    if annotator == "adaptive":
        assert draws_a_solution(many, 10) == pytest.approx(0.75 * 10 * 1.5 + 0.5 * 28)


@pytest.mark.parametrize("annotator", ["sequential", "verify", "bisection", "adaptive"])
def test_what_is_assumed_of_an_annotator_that_stops_early_is_said(annotator: str) -> None:
    said = assumed(paper(f"rollouts.annotator={annotator}", "arms=[]")).said
    assert "1.5" in said.rsplit("token.", 1)[-1]


def test_parameters_are_counted_whatever_their_format(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(3, 5), "b": torch.zeros(7, dtype=torch.bfloat16)}
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text("{}")
    assert n_parameters(ModelConfig(model=str(tmp_path))) == 22
    (tmp_path / "model.safetensors").write_bytes(b"\x09")
    with pytest.raises(ModelError, match="not a safetensors file"):
        n_parameters(ModelConfig(model=str(tmp_path)))
