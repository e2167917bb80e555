"""Seeds by name: a draw's seed depends on what it is, never on when or where it runs."""

import hashlib

_SEED_BITS = 53  # whole numbers up to here survive JSON and every server's seed field


def draw_seed(run_seed: int, *parts: str | int) -> int:
    """Seed of one draw, a hash of the run's seed and the draw's coordinates.

    Args:
        run_seed: The recipe's seed.
        parts: Coordinates, e.g. ("rollout", problem_id, sample_index, step, draw).

    Returns:
        A whole number in [0, 2**53).
    """
    text = "\x1f".join([str(run_seed), *(f"{type(p).__name__}:{p}" for p in parts)])
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)
