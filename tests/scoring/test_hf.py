from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_config, tiny_tokenizer

from prmkit.errors import ConfigError
from prmkit.scoring.base import ScoringItem
from prmkit.scoring.checkpoint import save_checkpoint
from prmkit.scoring.families import FAMILIES, Family, Formatter, TokenRow
from prmkit.scoring.head import Qwen2ForProcessRewardModel
from prmkit.scoring.hf import PrmScorer, _Row, token_budget_batches

FAMILY = FAMILIES["prmkit"]
TOKENIZER = tiny_tokenizer("<extra_0>")


def random_prm() -> Any:
    """Weights drawn wide, so that scores differ from step to step."""
    torch.manual_seed(0)
    config = tiny_config(len(TOKENIZER), tie_word_embeddings=False, max_position_embeddings=160)
    model = Qwen2ForProcessRewardModel(config).eval()
    for layer in (model.score[0], model.score[2]):
        torch.nn.init.normal_(layer.weight, std=0.5)
    return model


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prm")
    save_checkpoint(random_prm(), Formatter(TOKENIZER, FAMILY), path)
    return path


def items() -> list[ScoringItem]:
    """Four solutions of 1, 4, 2 and 3 steps, none of the same length."""
    texts = [("a",), ("b", "cc", "d", "ee"), ("fff f", "g"), ("h", "ii i", "j")]
    return [
        ScoringItem(solution_id=f"s{i}", question="q" * (i + 1), steps=steps)
        for i, steps in enumerate(texts)
    ]


def test_scores_are_the_softmax_at_the_step_tokens_of_the_saved_model(directory: Path) -> None:
    model, formatter = random_prm(), Formatter(TOKENIZER, FAMILY)
    for item, result in zip(
        items(), PrmScorer(directory, device="cpu").score(items()), strict=True
    ):
        row = formatter.tokenise(item.question, item.steps, 512)
        assert isinstance(row, TokenRow)
        with torch.no_grad():
            logits = model(torch.tensor([row.ids])).logits[0]
        expected = logits.softmax(-1)[row.positions, 1].tolist()
        assert result.solution_id == item.solution_id
        assert list(result.scores) == pytest.approx(expected, abs=1e-6)
        assert len(set(result.scores)) == len(item.steps)


@pytest.mark.parametrize("batch_tokens", [1, 120, 100_000])
def test_batching_and_order_change_no_score(directory: Path, batch_tokens: int) -> None:
    alone = [PrmScorer(directory, device="cpu").score([item])[0] for item in items()]
    scorer = PrmScorer(directory, batch_tokens=batch_tokens, device="cpu")
    together = scorer.score(items()[::-1])[::-1]
    for one, other in zip(alone, together, strict=True):
        assert one.solution_id == other.solution_id
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


def test_scores_of_a_prefix_are_the_first_scores_of_the_whole(directory: Path) -> None:
    whole = items()[1]
    prefix = whole.model_copy(update={"steps": whole.steps[:2]})
    scores, first = PrmScorer(directory, device="cpu").score([whole, prefix])
    assert first.scores == pytest.approx(scores.scores[:2], abs=1e-6)


def test_unusable_items_come_back_unscored_in_their_place(directory: Path) -> None:
    good = items()[0]
    bad = [
        good.model_copy(update={"solution_id": "long", "question": "q" * 200}),
        good.model_copy(update={"solution_id": "none", "steps": ()}),
        good.model_copy(update={"solution_id": "fake", "steps": ("a<extra_0>b",)}),
    ]
    scorer = PrmScorer(directory, device="cpu")
    long, scored, none, fake = scorer.score([bad[0], good, *bad[1:]])
    assert "at most 160 allowed" in long.unscored
    assert "no step" in none.unscored
    assert "<extra_0>" in fake.unscored
    assert [len(r.scores) for r in (long, scored, none, fake)] == [0, 1, 0, 0]
    assert scored.unscored == ""


def test_the_positive_index_of_the_family_decides_what_is_read(directory: Path) -> None:
    flipped = Family(name="flipped", step_token="<extra_0>", positive=0)
    right = PrmScorer(directory, device="cpu").score(items())
    wrong = PrmScorer(directory, family=flipped, device="cpu").score(items())
    for one, other in zip(right, wrong, strict=True):
        assert one.scores == pytest.approx([1.0 - score for score in other.scores], abs=1e-6)


def test_a_score_that_is_not_a_number_is_unscored(tmp_path: Path) -> None:
    model = random_prm()
    with torch.no_grad():
        model.score[2].bias[0] = float("nan")
    save_checkpoint(model, Formatter(TOKENIZER, FAMILY), tmp_path)
    (result,) = PrmScorer(tmp_path, device="cpu").score(items()[:1])
    assert result.scores == ()
    assert "not a number" in result.unscored


def test_nothing_in_gives_nothing_out(directory: Path) -> None:
    assert PrmScorer(directory, device="cpu").score([]) == []


def test_a_budget_below_one_token_is_refused(directory: Path) -> None:
    with pytest.raises(ConfigError, match="batch_tokens = 0"):
        PrmScorer(directory, batch_tokens=0)


@given(lengths=st.lists(st.integers(1, 50), max_size=30), batch_tokens=st.integers(1, 200))
def test_batches_hold_each_row_once_within_the_budget(
    lengths: list[int], batch_tokens: int
) -> None:
    rows = [_Row(place, TokenRow([0] * n, [0])) for place, n in enumerate(lengths)]
    batches = list(token_budget_batches(rows, batch_tokens))
    assert sorted(row.place for batch in batches for row in batch) == list(range(len(rows)))
    for batch in batches:
        widest = max(len(row.tokens.ids) for row in batch)
        assert len(batch) == 1 or len(batch) * widest <= batch_tokens
