import torch
from hypothesis import given
from hypothesis import strategies as st

from prmkit.generators.noise import exponentials


def test_a_value_depends_only_on_seed_position_and_token() -> None:
    seeds, positions = torch.tensor([7, 2**53 - 1, 0]), torch.tensor([3, 0, 88])
    together = exponentials(seeds, positions, 300)
    for row in range(3):
        alone = exponentials(seeds[row : row + 1], positions[row : row + 1], 40)
        assert torch.equal(together[row, :40], alone[0])


@given(st.integers(0, 2**53 - 1), st.integers(0, 10_000))
def test_values_are_positive_and_finite(seed: int, position: int) -> None:
    noise = exponentials(torch.tensor([seed]), torch.tensor([position]), 257)
    assert float(noise.min()) > 0.0
    assert float(noise.max()) < 17.0  # -log(2**-24) = 16.6


def test_values_are_standard_exponentials() -> None:
    noise = exponentials(torch.arange(400), torch.full((400,), 5), 500).flatten()
    # 20 bins of equal mass: 200,000 values, 10,000 expected a bin
    edges = -torch.log1p(-torch.arange(1, 20) / 20)
    counts = torch.bincount(torch.bucketize(noise, edges), minlength=20).double()
    chi_square = float(((counts - 10_000) ** 2 / 10_000).sum())
    assert chi_square < 43.8  # 99.9 % point with 19 degrees of freedom


def test_neighbouring_seeds_positions_and_tokens_are_uncorrelated() -> None:
    by_seed = exponentials(torch.arange(500), torch.zeros(500, dtype=torch.int64), 200)
    by_position = exponentials(torch.zeros(500, dtype=torch.int64), torch.arange(500), 200)
    pairs = [
        (by_seed[1:], by_seed[:-1]),
        (by_position[1:], by_position[:-1]),
        (by_seed[:, 1:], by_seed[:, :-1]),
        (by_seed, by_position),
    ]
    for a, b in pairs:
        kept_a, kept_b = a[1:].flatten(), b[1:].flatten()  # row 0 is common to the last pair
        correlation = torch.corrcoef(torch.stack([kept_a, kept_b]))[0, 1]
        assert abs(float(correlation)) < 0.0125  # 4 / sqrt(100,000)
