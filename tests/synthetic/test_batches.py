from itertools import groupby, pairwise

import torch

from prmkit.synthetic.batches import batches
from prmkit.synthetic.examples import State
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.tokenizer import build_tokenizer

TINY = PretrainConfig(
    role="judge", layers=1, hidden=32, heads=2, ffn=32, updates=6, batch_tokens=512
)


def test_a_batch_depends_on_the_seed_and_its_number_alone() -> None:
    whole = list(batches(TINY))
    tail = list(batches(TINY, start=4))
    assert len(whole) == 6
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.weights, b.weights)
        for a, b in zip(whole[4:], tail, strict=True)
    )


def test_stopping_early_changes_no_batch_before() -> None:
    early = list(batches(TINY.model_copy(update={"stop": 4})))
    assert len(early) == 4
    whole = list(batches(TINY))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(early, whole, strict=False))


def test_there_is_a_batch_for_each_update_where_few_examples_fill_one() -> None:
    config = TINY.model_copy(update={"updates": 160, "batch_tokens": 256})
    found = [len(batch.ids) for batch in batches(config)]
    assert len(found) == 160
    assert min(found) >= 1


def test_batches_that_workers_draw_are_those_drawn_here() -> None:
    config = TINY.model_copy(update={"updates": 90})  # six pools of 16, the last not whole
    here = list(batches(config, start=20))
    drawn = list(batches(config, start=20, workers=2))
    assert len(here) == len(drawn) == 70
    for one, other in zip(here, drawn, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_padding_and_prompts_are_not_trained_on() -> None:
    tokenizer = build_tokenizer()
    pad = tokenizer.token_to_id("<|endoftext|>")
    batch = next(iter(batches(TINY.model_copy(update={"role": "policy"}))))
    assert not batch.weights[batch.ids == pad].any()
    opened = tokenizer.token_to_id("<|im_start|>")
    assert not batch.weights[batch.ids == opened].any()
    assert batch.weights.any(dim=1).all()


def test_what_a_judge_says_begins_with_the_first_token_of_its_answer() -> None:
    tokenizer = build_tokenizer()
    opening = tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n").ids
    batch = next(iter(batches(TINY)))
    for ids, said in zip(batch.ids.tolist(), batch.said.tolist(), strict=True):
        start = next(at for at in range(len(ids)) if ids[at : at + len(opening)] == opening) + len(
            opening
        )
        # the token before the answer is the first whose successor is to be said
        assert said[: start - 1] == [0] * (start - 1)
        assert set(said[start - 1 : -1]) <= {0, 1}
        assert said[start - 1] == 1


def test_a_paragraph_goes_wrong_at_one_token_and_is_spoilt_from_there_to_its_closing_tag() -> None:
    config = TINY.model_copy(update={"batch_tokens": 4096})
    n_wrong = 0
    for states in next(iter(batches(config, start=5))).states.tolist():
        runs = [(state, len(list(group))) for state, group in groupby(states)]
        for (state, length), (after, _) in pairwise(runs):
            if state == State.WRONG:
                assert (length, after) == (1, State.SPOILT)
                n_wrong += 1
            assert after is not State.SPOILT or state == State.WRONG
    assert n_wrong > 3
