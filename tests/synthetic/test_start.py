"""Claims about untrained models: what their heads look at before they have seen anything."""

import random
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from prmkit.generators.load import resolve_model
from prmkit.synthetic.examples import policy_example
from prmkit.synthetic.pretrain import build_model
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.start import DUE, HERE, turned
from prmkit.synthetic.tokenizer import build_tokenizer, tag_mark_id, verdict_ids

JUDGE = PretrainConfig(role="judge", layers=4, reading_layers=1, updates=1)
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
        example = policy_example(random.Random(seed), 1.0, shuffled=0.5, many=1.0)
        text = "".join(s.text for s in (*example.read, *example.said))
        ids = tokenizer.encode(text, add_special_tokens=False).ids
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


def codes(*vectors: torch.Tensor) -> torch.Tensor:
    """Hidden states of a text, as loud as those of trained models; (1, T, H)."""
    return 300 * torch.nn.functional.normalize(torch.stack(vectors)[None], dim=-1)


def run_layer(model: Any, index: int, hidden: torch.Tensor) -> Any:
    """What one layer makes of hidden states (1, T, H)."""
    positions = torch.arange(hidden.shape[1])[None]
    rotary = model.model.rotary_emb(hidden, positions)
    layer = model.model.layers[index]
    return layer(hidden, position_embeddings=rotary, attention_mask=None)


def test_a_model_can_start_as_a_shipped_one_reads() -> None:
    config = JUDGE.model_copy(update={"layers": 8, "reading_layers": 5, "start": "policy-strong"})
    shipped = AutoModelForCausalLM.from_pretrained(
        resolve_model("synthetic:policy-strong"), dtype=torch.float32
    )
    ids = torch.randint(5, 600, (1, 24), generator=torch.Generator().manual_seed(0))
    expected = shipped.model(ids, output_hidden_states=True).hidden_states[4]
    found = build_model(config).model(ids, output_hidden_states=True).hidden_states[4]
    torch.testing.assert_close(found, expected)


def test_a_judges_layer_above_the_reading_ones_says_right_of_words_that_were_due() -> None:
    model = build_model(JUDGE)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight.detach(), dim=1)
    here = words @ turned(128, HERE).T  # the code in which a word that stands somewhere is noted
    right, wrong = verdict_ids()
    says = model.lm_head.weight.detach()
    says = says[right] - says[wrong]
    generator = torch.Generator().manual_seed(0)
    margins = {True: list[float](), False: list[float]()}
    for due in range(100, 140):
        other = int(torch.randint(5, 600, (1,), generator=generator))
        for word in (due, other):
            # it was due after the first token; the second is `word` and expects something itself
            hidden = codes(words[due] + here[7], here[word] + words[9])
            margins[word == due].append(float(run_layer(model, 1, hidden).detach()[0, 1] @ says))
    wins = [due > other for due in margins[True] for other in margins[False]]
    assert sum(wins) / len(wins) > 0.8  # what else the places hold is noise; by chance 0.5


def test_a_judges_next_layer_looks_at_what_was_found_wrong() -> None:
    model = build_model(JUDGE)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight.detach(), dim=1)
    right, wrong = verdict_ids()
    speaks = words[right] - words[wrong]
    found = codes(*(words[9] + (speaks if t != 5 else -speaks) for t in range(40)))
    model.set_attn_implementation("eager")
    attention = model.model.layers[2].self_attn
    positions = torch.arange(40)[None]
    rotary = model.model.rotary_emb(found, positions)
    normed = model.model.layers[2].input_layernorm(found)
    later = torch.full((40, 40), -torch.inf).triu(1)[None, None]
    _, weights = attention(normed, position_embeddings=rotary, attention_mask=later)
    assert weights[0, 1, 39, 5] > 0.5  # of 40 places


def test_a_judges_last_layer_finds_places_with_the_same_word() -> None:
    model = build_model(JUDGE)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight.detach(), dim=1)
    here = words @ turned(128, HERE).T
    text = codes(*(here[100 + t] for t in range(40)), here[112])  # the last word stood at 12, too
    model.set_attn_implementation("eager")
    layer = model.model.layers[-1]
    rotary = model.model.rotary_emb(text, torch.arange(41)[None])
    later = torch.full((41, 41), -torch.inf).triu(1)[None, None]
    _, weights = layer.self_attn(
        layer.input_layernorm(text), position_embeddings=rotary, attention_mask=later
    )
    assert weights[0, 1, 40, 12] > weights[0, 1, 40, :12].max()


def test_a_place_gets_more_of_it_if_it_follows_a_tags_mark() -> None:
    model = build_model(JUDGE)
    words = torch.nn.functional.normalize(model.model.embed_tokens.weight.detach(), dim=1)
    here = words @ turned(128, HERE).T
    brought = here @ turned(128, DUE).T  # as the layer that compares brings what stood before
    model.set_attn_implementation("eager")
    layer = model.model.layers[-1]

    def attention(before: int) -> float:
        others = [here[112] + 0.3 * brought[200 + t] for t in range(20)]
        others[5] = here[112] + 0.3 * brought[before]
        text = codes(*others)
        rotary = model.model.rotary_emb(text, torch.arange(20)[None])
        later = torch.full((20, 20), -torch.inf).triu(1)[None, None]
        _, weights = layer.self_attn(
            layer.input_layernorm(text), position_embeddings=rotary, attention_mask=later
        )
        return float(weights[0, 1, 19, 5].detach())

    others = [attention(before) for before in range(300, 320)]
    assert attention(tag_mark_id()) > 5 * sum(others) / len(others), others
