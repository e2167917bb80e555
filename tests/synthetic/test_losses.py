from typing import Any

import torch

from prmkit.synthetic.batches import batches
from prmkit.synthetic.examples import State
from prmkit.synthetic.losses import batch_losses, gathered_loss
from prmkit.synthetic.pretrain import build_model
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.tokenizer import build_tokenizer, verdict_ids

TINY = PretrainConfig(
    role="judge", layers=1, hidden=32, heads=2, ffn=32, updates=6, batch_tokens=512
)


JUDGE = TINY.model_copy(update={"layers": 4, "reading_layers": 1, "reading_share": 0.5})


def untrained(config: PretrainConfig) -> Any:
    """A model to which every word is as likely."""
    model = build_model(config)
    for parameter in model.lm_head.parameters():
        torch.nn.init.zeros_(parameter)
    return model


UNIFORM = torch.tensor(float(build_tokenizer().get_vocab_size())).log()


def test_loss_of_an_untrained_policy_is_that_of_a_guess() -> None:
    config = TINY.model_copy(update={"role": "policy"})
    losses = batch_losses(untrained(config), next(iter(batches(config))), config, 0)
    torch.testing.assert_close(losses.said, UNIFORM)
    assert losses[1:] == (0.0, 0.0, 0.0, 0.0)


def test_losses_of_an_untrained_judge_are_those_of_guesses() -> None:
    batch = next(iter(batches(JUDGE)))
    losses = batch_losses(untrained(JUDGE), batch, JUDGE, 4)
    torch.testing.assert_close(losses.said, UNIFORM)
    quiet, spoilt = ((batch.states == s).sum() for s in (State.QUIET, State.SPOILT))
    told = (batch.states != State.UNKNOWN).sum() - quiet
    # ln 2 a word; nothing is noticed of those after a wrong one, and words outside paragraphs are
    # right but gather nothing
    torch.testing.assert_close(
        losses.noticed, torch.tensor(2.0).log() * (told + quiet - spoilt) / told
    )
    torch.testing.assert_close(losses.gathered, torch.tensor(2.0).log())


def test_what_is_gathered_is_whether_anything_was_wrong_up_to_here() -> None:
    batch = next(iter(batches(JUDGE)))
    model, width = build_model(JUDGE), JUDGE.hidden
    right, wrong = verdict_ids()
    with torch.no_grad():  # "right" is told by the first hidden number alone, "wrong" by the second
        model.lm_head.weight[right], model.lm_head.weight[wrong] = torch.eye(width)[:2]
    told = torch.zeros(*batch.ids.shape, width)
    for row in range(len(batch.ids)):
        so_far = 0
        for at, state in enumerate(batch.states[row].tolist()):
            so_far = max(so_far, int(state == State.WRONG))
            told[row, at, so_far] = 30.0
    assert float(gathered_loss(model, told, batch).detach()) < 1e-6
    assert float(gathered_loss(model, told.flip(-1).roll(2, -1), batch).detach()) > 5


def test_while_a_judge_learns_to_read_its_other_layers_stay_as_they_were() -> None:
    model = build_model(JUDGE)
    losses = batch_losses(model, next(iter(batches(JUDGE))), JUDGE, 2)
    losses.due.backward()
    assert (losses.said, losses.noticed, losses.gathered) == (0.0, 0.0, 0.0)
    grads = [p.grad for p in model.model.layers[1:].parameters()]
    assert all(grad is None for grad in grads)
    assert model.model.layers[0].mlp.up_proj.weight.grad is not None
    assert model.config.num_hidden_layers == 4


def test_once_it_only_learns_to_say_nothing_else_counts() -> None:
    config = JUDGE.model_copy(update={"saying_share": 0.3})  # the last two of six updates
    batch = next(iter(batches(config)))
    found = [batch_losses(build_model(config), batch, config, update) for update in (3, 4)]
    assert float(found[0].noticed.detach()) > 0
    assert found[1][1:] == (0.0, 0.0, 0.0, 0.0)
    torch.testing.assert_close(found[0].said, found[1].said)
