"""Claims about untrained models: what their heads look at before they have seen anything."""

import random

import torch

from prmkit.synthetic.examples import policy_example
from prmkit.synthetic.pretrain import PretrainConfig, build_model
from prmkit.synthetic.tokenizer import build_tokenizer

SMALL = PretrainConfig(role="policy", layers=2, updates=1)


def attentions(ids: list[int]) -> list[torch.Tensor]:
    """Attention of each layer of a fresh model; (heads, T, T) each."""
    model = build_model(SMALL)
    model.set_attn_implementation("eager")
    found = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    return [layer[0].detach() for layer in found]


def test_heads_of_the_first_layer_look_at_the_tokens_before() -> None:
    ids = torch.randint(5, 600, (24,), generator=torch.Generator().manual_seed(0)).tolist()
    first, _ = attentions(ids)
    for head, back in enumerate((1, 2, 3, 4)):
        assert first[head, 8:].diagonal(8 - back).min() > 0.9


def test_a_head_of_the_second_finds_a_number_by_its_owners_name() -> None:
    tokenizer = build_tokenizer()
    owns = tokenizer.encode(" owns").ids[0]
    found = []
    for seed in range(4):
        segments = policy_example(random.Random(seed), 1.0, shuffled=0.5, many=1.0)
        ids = tokenizer.encode("".join(s.text for s in segments), add_special_tokens=False).ids
        _, second = attentions(ids)
        asked = [t for t in range(3, len(ids)) if ids[t - 1] == owns]  # the space before a number
        for here in asked:
            there = [t + 1 for t in asked if t < here and ids[t - 2] == ids[here - 2]]
            if there:
                found.append(float(second[0, here, there].sum()))
    assert len(found) > 40
    assert sum(found) / len(found) > 0.3  # one or two places of some 200: an even share is 0.01


def test_a_model_says_what_its_last_hidden_state_holds() -> None:
    model = build_model(SMALL)
    logits = model.lm_head(model.model.norm(model.model.embed_tokens.weight))
    same = (logits.argmax(-1) == torch.arange(len(logits))).float().mean()
    assert same > 0.99


def test_models_of_any_size_can_start_so() -> None:
    for layers, hidden, heads in ((1, 16, 1), (2, 16, 2), (3, 48, 6)):
        size = {"layers": layers, "hidden": hidden, "heads": heads}
        ids = torch.tensor([[5, 6, 7]])
        assert build_model(SMALL.model_copy(update=size))(ids).logits.isfinite().all()
