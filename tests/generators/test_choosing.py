import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper

from prmkit.generators.base import Message, Request, Sampling
from prmkit.generators.choosing import Draws, _truncated, choose

CPU = torch.device("cpu")


def draws(n: int, sampling: Sampling, first_seed: int = 0) -> Draws:
    messages = (Message(role="user", content="?"),)
    seeds = range(first_seed, first_seed + n)
    return Draws.of([Request(messages=messages, seed=s, sampling=sampling) for s in seeds], CPU)


def frequencies(probabilities: list[float], n: int, sampling: Sampling) -> torch.Tensor:
    logits = torch.tensor(probabilities).log().expand(n, -1)
    tokens = choose(logits, draws(n, sampling), torch.zeros(n, dtype=torch.int64))
    return torch.bincount(tokens, minlength=len(probabilities)) / n


def test_draws_follow_the_softmax() -> None:
    generator = torch.Generator().manual_seed(1)
    expected = torch.rand(50, generator=generator) + 0.05
    expected /= expected.sum()
    seen = frequencies(expected.tolist(), 40_000, Sampling())
    chi_square = float((40_000 * (seen - expected) ** 2 / expected).sum())
    assert chi_square < 85.4  # 99.9 % point with 49 degrees of freedom


def test_temperature_divides_the_logits() -> None:
    # p = (0.8, 0.2) at temperature 2: weights 2 to 1 after the square root of 4 to 1
    seen = frequencies([0.8, 0.2], 20_000, Sampling(temperature=2.0))
    assert abs(float(seen[0]) - 2 / 3) < 0.0134  # 4 standard deviations


def test_temperature_zero_takes_the_likeliest_also_beside_drawing_rows() -> None:
    logits = torch.tensor([[0.1, 0.3, 0.2]]).expand(100, -1)
    mixed = draws(50, Sampling(temperature=0.0)).joined(draws(50, Sampling()))
    tokens = choose(logits, mixed, torch.zeros(100, dtype=torch.int64))
    assert set(tokens[:50].tolist()) == {1}
    assert set(tokens[50:].tolist()) == {0, 1, 2}


def test_top_p_keeps_the_smallest_set_with_that_mass_and_its_proportions() -> None:
    # 0.5 + 0.3 is the first sum of at least 0.7, so tokens 0 and 1 are drawn 5 to 3
    seen = frequencies([0.3, 0.5, 0.15, 0.05], 20_000, Sampling(top_p=0.7))
    assert seen[2:].sum() == 0
    assert abs(float(seen[1]) - 5 / 8) < 0.0137
    # a set with exactly that mass is enough
    assert frequencies([0.25, 0.5, 0.25], 500, Sampling(top_p=0.5)).tolist() == [0, 1, 0]


def test_top_k_keeps_the_k_likeliest_and_top_p_is_a_share_of_these() -> None:
    assert frequencies([0.3, 0.5, 0.2], 2_000, Sampling(top_k=2))[2] == 0
    # of tokens 0 and 1, token 1 has 0.5 / 0.8 = 0.625 of the mass, which is at least 0.6
    assert frequencies([0.3, 0.5, 0.2], 500, Sampling(top_k=2, top_p=0.6)).tolist() == [0, 1, 0]


def test_truncation_agrees_with_the_warpers_of_transformers() -> None:
    logits = torch.randn(40, 500, generator=torch.Generator().manual_seed(2)) * 2
    for top_k, top_p in [(0, 0.3), (0, 0.99), (5, 1.0), (100, 0.9), (3, 0.5)]:
        warped = logits if top_k == 0 else TopKLogitsWarper(top_k)(None, logits)
        warped = warped if top_p == 1.0 else TopPLogitsWarper(top_p)(None, warped)
        expected = warped.softmax(-1)
        kept = _truncated(logits.softmax(-1), draws(40, Sampling(top_k=top_k, top_p=top_p)))
        assert torch.allclose(kept / kept.sum(-1, keepdim=True), expected, atol=1e-6)
