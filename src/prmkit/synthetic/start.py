"""Initial weights from which a small model soon learns to read.

Names are exchangeable in the data, so what all their embeddings learn is the same at first, and the
circuits that tell them apart form late or never by chance. So they are there at the start: heads
that copy what they look at, and heads that find a place by what stood before it. All of it is
trained on like any other weights.
"""

from functools import lru_cache
from typing import Any

from prmkit.generators.load import resolve_model
from prmkit.synthetic.tokenizer import tag_mark_id, verdict_ids

THETA = 1e6
"""Base of the rotary positions, as in Qwen2.5."""
_BACK = (1, 2, 3, 4)
"""How many tokens back each head of the first layer looks at first."""
_FINDING = ((2, 3), (3, 4), (1, 2), (0, 1))
"""Each head of the second layer looks for a place with the same token before it as here: how many
tokens before here, and how many before there. "Bob owns 26 ... Bob owns": Bob is two before here
and three before the 26. The last finds what followed this token (Olsson et al. 2022, arXiv
2209.11895)."""
_FIRMNESS = 9.0  # the next token's score is lower by about 6: nearly all attention is where meant
_MARK = 2.0  # how loudly a token's predecessors are noted on it, beside its own embedding
_KEENNESS = 3.0  # how much more attention a place gets that matches
_NEXT_TOO = 0.7  # how much the token after the one matched counts, beside it
HERE, DUE = 1, 2
"""Seeds of the codes for the word that stands somewhere and for the one that was due there."""
_FREE = 1  # a head that does not look one token back, as the first of each later layer does
_WARY = 2.0  # how much more attention a word gets the more it was found wrong
_RELAYED = 40.0  # how loudly what is found there is said here, beside an input of norm 100s
_BROUGHT = 20.0  # how loudly a layer that compares brings in what was due; its input has norm 100s
_LOUD = 5.0  # how loudly it says what it finds, beside an input of that norm
_TAGGED = 2.0  # how much more attention a word gets the more it is known to follow a "_"
_SLOW = 0.006  # radians a token; a pair that turns faster forgets over 200 tokens what it matched


def start_copying(model: Any) -> None:
    """Start with heads that, whatever they look at, make the model say it.

    Words are told apart by large embeddings; the output weights begin as their copies (and go ways
    of their own), and each head past the first layer writes back what it reads: its output matrix
    is its value matrix transposed. By chance, copying names took four times as long to learn.
    """
    import torch

    embedding = model.model.embed_tokens.weight
    torch.nn.init.normal_(embedding, std=1.0)
    with torch.no_grad():
        model.lm_head.weight.copy_(0.02 * embedding)
        for layer in model.model.layers[1:]:
            layer.self_attn.o_proj.weight.copy_(8.0 * layer.self_attn.v_proj.weight.T)


def start_finding(model: Any) -> None:
    """Start with heads that find a place by what stood before it.

    Heads of the first layer note each token's predecessors on it, each in a part of its own of the
    residual stream; heads of the second match these notes. In later layers a head looks one token
    back, where it can see what was expected here. Everything stays trainable. By chance,
    numbers were found by their owners' names after 12 M tokens in 93 % of cases, with this after
    0.8 M in 97 % (docs/log.md).
    """
    import torch

    config = model.config
    dim = config.hidden_size // config.num_attention_heads
    layers = model.model.layers
    code = torch.linalg.qr(torch.randn(config.hidden_size, dim))[0].T
    rooms = torch.linalg.qr(torch.randn(config.hidden_size, config.hidden_size))[0].split(dim, 1)
    notes = {0: code}
    for head, (back, room) in enumerate(zip(_BACK, rooms, strict=False)):
        _look_back(layers[0].self_attn, head, back)
        _rows(layers[0].self_attn.v_proj, head, dim).copy_(code)
        with torch.no_grad():
            layers[0].self_attn.o_proj.weight[:, head * dim : (head + 1) * dim] = _MARK * room
        notes[back] = room.T
    if len(layers) > 1:
        for head, (here, there) in enumerate(_FINDING[: len(rooms)]):
            if max(here, there) in notes:
                _match(layers[1].self_attn, head, notes, here, there)
    for layer in layers[2:]:
        _look_back(layer.self_attn, 0, 1)


def start_reading(model: Any, shipped: str) -> None:
    """Start with the embeddings and layers of a shipped model, which reads already."""
    from safetensors.torch import load_file

    path = resolve_model(f"synthetic:{shipped}") / "model.safetensors"
    model.load_state_dict({n: t.float() for n, t in load_file(path).items()}, strict=False)


def start_judging(model: Any, layer: int) -> None:
    """Start the layers above those that read by comparing, gathering and looking up.

    The first compares the word here with the one that was due. In the second a head looks at words
    that were found wrong, and in the last one at places with the same word as here, so that the
    index of a paragraph finds that paragraph's closing tag.
    """
    import torch

    says = model.model.embed_tokens.weight.detach()
    right, wrong = verdict_ids()
    speaks = torch.nn.functional.normalize(says[right] - says[wrong], dim=0)
    layers = model.model.layers
    _compare(layers[layer], speaks)
    if layer + 1 < len(layers):
        _look_at_wrong(layers[layer + 1].self_attn, speaks)
        here = turned(model.config.hidden_size, HERE).T
        _match(layers[-1].self_attn, _FREE, {1: here[: layers[-1].self_attn.head_dim]}, 1, 1)
        _prefer_tags(layers[-1].self_attn, says)


def _compare(block: Any, speaks: Any) -> None:
    """Let a layer say `speaks` (H,) of a word that was due.

    Its heads look one token back and bring all that is known there, turned by a matrix of its own;
    products of the gated part then compare what was due there with the word here, which the
    layers below have noted in a turned code: sum_k (p_k . due) (p_k . here) for an orthonormal p.
    A gate can multiply: silu(x) y + silu(-x) (-y) = x y.
    """
    import torch

    n_units, width = block.mlp.gate_proj.weight.shape
    n = min(width, n_units // 2)
    here, due = turned(width, HERE).T, turned(width, DUE).T
    for head in range(width // block.self_attn.head_dim):
        _look_back(block.self_attn, head, 1)
    with torch.no_grad():
        block.self_attn.v_proj.weight.copy_(torch.eye(width))
        block.self_attn.o_proj.weight.copy_(_BROUGHT * due.T)
        for start, sign in ((0, 1.0), (n, -1.0)):
            block.mlp.gate_proj.weight[start : start + n] = sign * here[:n]
            block.mlp.up_proj.weight[start : start + n] = sign * due[:n]
            block.mlp.down_proj.weight[:, start : start + n] = _LOUD * speaks[:, None]


def _look_at_wrong(attention: Any, speaks: Any) -> None:
    """Start a head that looks at the words least found right, and says of here what it sees there.

    A word's score is -`_WARY` (speaks . h), h being what is known there, normed: one wrong word
    outweighs the hundreds before it only if scores lie nats apart.
    """
    import torch

    dim = attention.head_dim
    slow = _on_slow_pairs(torch.ones(dim, 1))
    strength = (_WARY * dim**0.5 / slow.sum()).sqrt()
    with torch.no_grad():
        attention.q_proj.weight[_FREE * dim : (_FREE + 1) * dim] = 0.0
        attention.k_proj.weight[_FREE * dim : (_FREE + 1) * dim] = -strength * slow * speaks
        attention.q_proj.bias[_FREE * dim : (_FREE + 1) * dim] = strength * slow[:, 0]
        attention.v_proj.weight[_FREE * dim] = speaks
        attention.o_proj.weight[:, _FREE * dim] = _RELAYED * speaks


def _prefer_tags(attention: Any, says: Any) -> None:
    """Start a head with more attention on words that follow a "_", as a paragraph's index in a tag.

    The same digits stand in numbers, too. What stood before a word was brought to it by the layer
    that compares, in a code that is turned twice.
    """
    import torch

    dim, width = attention.head_dim, says.shape[1]
    brought = turned(width, DUE) @ turned(width, HERE) @ says[tag_mark_id()]
    brought = torch.nn.functional.normalize(brought, dim=0)
    strength = (_TAGGED * dim**0.5) ** 0.5
    row = (_FREE + 1) * dim - 1  # of the slowest pair, which then matches nothing else
    with torch.no_grad():
        for projection in (attention.q_proj, attention.k_proj):
            projection.weight[row] = 0.0
            projection.bias[row] = 0.0
        attention.q_proj.bias[row] = strength
        attention.k_proj.weight[row] = strength * brought


@lru_cache(maxsize=8)
def turned(width: int, seed: int) -> Any:
    """A fixed orthogonal matrix, (width, width): a code that can stand beside the usual one."""
    import torch

    random = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, width, generator=random))[0]


def _rows(projection: Any, head: int, dim: int) -> Any:
    """The rows of a projection that make a head's queries, keys or values; (dim, hidden)."""
    return projection.weight.detach()[head * dim : (head + 1) * dim]


def _turns(dim: int) -> Any:
    """Radians by which each pair of a head's dimensions turns a token; (dim / 2,)."""
    import torch

    return THETA ** (-torch.arange(0, dim, 2) / dim)


def _look_back(attention: Any, head: int, back: int) -> None:
    """Start a head with its attention on the token so many places back, by its biases alone.

    With rotary positions constant queries and keys score sum_i a^2 cos(w_i (distance - back)),
    which peaks at `back`.
    """
    import torch

    dim = attention.head_dim
    turn = back * _turns(dim)
    query = _FIRMNESS * torch.cat([turn.cos(), -turn.sin()])
    key = _FIRMNESS * torch.cat([torch.ones(dim // 2), torch.zeros(dim // 2)])
    with torch.no_grad():
        attention.q_proj.bias[head * dim : (head + 1) * dim] = query
        attention.k_proj.bias[head * dim : (head + 1) * dim] = key


def _match(attention: Any, head: int, notes: dict[int, Any], here: int, there: int) -> None:
    """Start a head with its attention where the note `there` equals the note `here`."""
    dim = attention.head_dim
    _rows(attention.q_proj, head, dim).add_(_KEENNESS * _on_slow_pairs(notes[here]))
    _rows(attention.k_proj, head, dim).add_(_KEENNESS * _on_slow_pairs(notes[there]))
    if here > 1:  # a name alone stands in many places; "owns" after it says which
        weight = _KEENNESS * _NEXT_TOO
        after_here, after_there = notes[here - 1].flip(0), notes[there - 1].flip(0)
        _rows(attention.q_proj, head, dim).add_(weight * _on_slow_pairs(after_here))
        _rows(attention.k_proj, head, dim).add_(weight * _on_slow_pairs(after_there))


def _on_slow_pairs(note: Any) -> Any:
    """Rows of a note on the pairs that hardly turn, so that distance does not blur the match."""
    import torch

    dim, half = len(note), len(note) // 2
    fast = int((_turns(dim) > _SLOW).sum())
    rows = torch.zeros_like(note)
    rows[fast:half] = note[: half - fast]
    rows[half + fast :] = note[half - fast : 2 * (half - fast)]
    return rows
