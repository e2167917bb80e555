import pytest
import torch

from prmkit.synthetic.batches import batches
from prmkit.synthetic.examples import State
from prmkit.synthetic.losses import batch_losses
from prmkit.synthetic.pretrain import build_model
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.tokenizer import build_tokenizer

TINY = PretrainConfig(
    role="judge", layers=1, hidden=32, heads=2, ffn=32, updates=6, batch_tokens=512
)


@pytest.mark.parametrize(("reading_layers", "layers"), [(None, 1), (1, 4)])
def test_loss_of_an_untrained_model_is_that_of_a_guess(
    reading_layers: int | None, layers: int
) -> None:
    config = TINY.model_copy(update={"reading_layers": reading_layers, "layers": layers})
    model = build_model(config)
    for parameter in model.lm_head.parameters():
        torch.nn.init.zeros_(parameter)
    batch = next(iter(batches(config)))
    losses = batch_losses(model, batch, config, progress=0.9)
    uniform = torch.tensor(float(build_tokenizer().get_vocab_size())).log()
    torch.testing.assert_close(losses.said, uniform)
    if reading_layers is None:
        assert losses[1:] == (0.0, 0.0, 0.0, 0.0)
        return
    torch.testing.assert_close(losses.due, uniform)
    known = (batch.states != State.UNKNOWN).sum()
    spoilt = (batch.states == State.SPOILT).sum()
    # ln 2 a token that is right or wrong; of those after the wrong one only where it is gathered
    torch.testing.assert_close(losses.noticed, torch.tensor(2.0).log() * (known - spoilt) / known)
    torch.testing.assert_close(losses.gathered, torch.tensor(2.0).log())


def test_while_a_judge_learns_to_read_its_other_layers_stay_as_they_were() -> None:
    config = TINY.model_copy(update={"layers": 4, "reading_layers": 1, "reading_share": 0.5})
    model = build_model(config)
    batch = next(iter(batches(config)))
    losses = batch_losses(model, batch, config, progress=0.4)
    losses.due.backward()
    assert (losses.said, losses.noticed, losses.gathered) == (0.0, 0.0, 0.0)
    grads = [p.grad for p in model.model.layers[1:].parameters()]
    assert all(grad is None for grad in grads)
    assert model.model.layers[0].mlp.up_proj.weight.grad is not None
    assert model.config.num_hidden_layers == 4
