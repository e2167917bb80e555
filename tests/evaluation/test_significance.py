from prmkit.evaluation.significance import mcnemar, needed_to_resolve
from prmkit.records import Estimate


def test_mcnemar_is_a_sign_test_on_what_the_two_decide_differently() -> None:
    # 1 against 5 of 6 discordant pairs: 2 (1 + 6) / 2^6
    a = [True, False, False, False, False, False, True, False]
    b = [False, True, True, True, True, True, True, False]
    assert mcnemar(a, b) == (1, 5, 14 / 64)
    assert mcnemar(a, a) == (0, 0, 1.0)
    assert mcnemar([True] * 5000, [False] * 5000).p_value == 0.0


def test_halving_a_difference_needs_four_times_the_cases() -> None:
    # half width 1.96 standard errors of 0.05: n (z + z')^2 (0.05 / 0.1)^2 = 100 * 7.8489 / 4
    difference = Estimate(value=0.1, low=0.002, high=0.198, n=100, method="-")
    assert needed_to_resolve(difference) == 197
    half = difference.model_copy(update={"value": 0.05})
    assert needed_to_resolve(half) == 785
    assert needed_to_resolve(difference.model_copy(update={"value": 0.0})) is None
