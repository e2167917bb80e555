"""What the synthetic world's models are trained on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from prmkit.synthetic.batches import Batch
from prmkit.synthetic.examples import State
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.start import HERE, turned
from prmkit.synthetic.tokenizer import verdict_ids


class Losses(NamedTuple):
    """What a model is trained on; scalars, to be added up."""

    said: Any
    """Weighted mean cross-entropy of what it is to say."""
    due: Any = 0.0
    """Of the words that are due where it reads, after the layers that read."""
    noted: Any = 0.0
    """Of the word that stands there, after the layers that read, in a code of its own."""
    noticed: Any = 0.0
    """Of whether a paragraph goes wrong at a word, one layer later."""
    gathered: Any = 0.0
    """Of whether anything went wrong up to here, two layers later."""


GATHERED = 2
"""Layers above the reading ones after which it is known what went wrong so far."""


def batch_losses(model: Any, batch: Batch, config: PretrainConfig, update: int) -> Losses:
    """Losses of a batch.

    A judge that compares what stands there with what it expected needs the expectation before its
    last layer; so its layers are told apart by what they must know: which word is due, then whether
    the paragraph goes wrong here, then whether it has gone wrong, and last what to say. What its
    inner layers know is read off with its own output matrix, so that nothing is left over when it
    is trained.
    """
    import torch

    device = batch.ids.device.type
    if config.reading_layers is None:
        with torch.autocast(device, dtype=torch.bfloat16):
            hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
        return Losses(_expected(model, hidden, batch.targets, batch.weights))
    reading = update < config.stages[0]
    n_layers = config.reading_layers if reading else config.layers
    with torch.autocast(device, dtype=torch.bfloat16), _depth(model, n_layers):
        out = model.model(input_ids=batch.ids, use_cache=False, output_hidden_states=True)
    if reading:
        read, weights = out.last_hidden_state, batch.weights * (1 - batch.said)
        return Losses(
            0.0, _expected(model, read, batch.targets, weights), _noted(model, read, batch)
        )
    said = _expected(model, out.last_hidden_state, batch.targets, batch.weights * batch.said)
    if update >= config.stages[1]:
        return Losses(said)
    noticed, gathered = (
        model.model.norm(h) for h in out.hidden_states[config.reading_layers + 1 :][:GATHERED]
    )
    return Losses(
        said,
        noticed=_noticed(model, noticed, batch),
        gathered=gathered_loss(model, gathered, batch),
    )


@contextmanager
def _depth(model: Any, n_layers: int) -> Iterator[None]:
    """Use a model's first layers alone, which costs less."""
    whole = model.config.num_hidden_layers
    model.config.num_hidden_layers = n_layers
    try:
        yield
    finally:
        model.config.num_hidden_layers = whole


def _noted(model: Any, hidden: Any, batch: Batch) -> Any:
    """Mean cross-entropy of the very word that stands there, where something is known of it."""
    turned_back = hidden @ turned(hidden.shape[-1], HERE).to(hidden)
    return _expected(model, turned_back, batch.ids, _in_paragraphs(batch).float())


def _in_paragraphs(batch: Batch) -> Any:
    """(B, T) booleans: words of paragraphs of which something is known."""
    return (batch.states != State.UNKNOWN) & (batch.states != State.QUIET)


def _expected(model: Any, hidden: Any, expected: Any, weights: Any) -> Any:
    """Weighted mean cross-entropy of what is to be expected; (B, T, H) in, a scalar out."""
    import torch

    due = weights > 0
    logits = model.lm_head(hidden[due].float())
    losses = torch.nn.functional.cross_entropy(logits, expected[due], reduction="none")
    return (losses * weights[due]).sum() / weights[due].sum()


def _noticed(model: Any, hidden: Any, batch: Batch) -> Any:
    """Cross-entropy of whether a word is wrong here; outside paragraphs none is."""
    at = (batch.states != State.UNKNOWN) & (batch.states != State.SPOILT)
    return _stated(model, hidden, batch, at, batch.states == State.WRONG)


def gathered_loss(model: Any, hidden: Any, batch: Batch) -> Any:
    """Cross-entropy of whether any word was wrong up to here, so that one look back is enough."""
    so_far = (batch.states == State.WRONG).cummax(1).values
    return _stated(model, hidden, batch, _in_paragraphs(batch), so_far)


def _stated(model: Any, hidden: Any, batch: Batch, at: Any, wrong: Any) -> Any:
    """Cross-entropy of "right" against "wrong", a known word of the paragraphs.

    Args:
        model: Whose output rows of the two words say which it is.
        hidden: After the layer that is to know, normed; (B, T, H).
        batch: The states.
        at: Where it counts; (B, T) booleans.
        wrong: Where it is wrong; (B, T) booleans.
    """
    import torch

    words = model.lm_head.weight[list(verdict_ids())]
    losses = torch.nn.functional.cross_entropy(
        hidden[at].float() @ words.T, wrong[at].long(), reduction="sum"
    )
    return losses / _in_paragraphs(batch).sum().clamp(min=1)
