import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.datasets.annotations import Place
from prmkit.errors import NothingScored
from prmkit.evaluation.agreement import KINDS, agreement, kind_of, share_of_kinds
from prmkit.intervals import Bootstrap

HOW = Bootstrap(seed=0, resamples=200)


def places(*found: int | str | None) -> list[Place]:
    """Places of one annotator; a text is why there is none."""
    return [
        Place(
            solution_id=f"s{i}",
            problem_id=f"p{i}",
            first_error=None if isinstance(place, str) else place,
            unscored=place if isinstance(place, str) else "",
        )
        for i, place in enumerate(found)
    ]


def test_shares_precision_and_recall_are_those_counted_by_hand() -> None:
    # both none, same place twice, a earlier, a later, only a, only b
    a = places(None, 1, 2, 0, 3, 1, None)
    b = places(None, 1, 2, 2, 1, None, 0)
    found = agreement(list(zip(a, b, strict=True)), HOW)
    assert {kind: round(7 * share.value) for kind, share in found.shares.items()} == {
        "both none": 1,
        "same place": 2,
        "a earlier": 1,
        "a later": 1,
        "only a": 1,
        "only b": 1,
    }
    assert found.same.value == pytest.approx(3 / 7)
    assert found.precision is not None
    assert found.recall is not None
    # a calls five steps wrong; the one after b's own error has no label of b: 2 of 4
    assert found.precision.value == pytest.approx(2 / 4)
    assert found.recall.value == pytest.approx(2 / 4)
    assert found.confusion[1, 1] == 1
    # with b as the truth: 2 of 5 errors, 1 of 2 without
    assert found.as_predictions.error_accuracy is not None
    assert found.as_predictions.error_accuracy.value == pytest.approx(2 / 5)


def test_kappa_is_cohens() -> None:
    # Any error: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no of 50, the textbook's example:
    # observed 0.7, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa 0.4
    rows = [(0, 0)] * 20 + [(0, None)] * 5 + [(None, 0)] * 10 + [(None, None)] * 15
    a, b = places(*(x for x, _ in rows)), places(*(y for _, y in rows))
    found = agreement(list(zip(a, b, strict=True)), HOW)
    assert found.kappa_error is not None
    assert found.kappa_error.value == pytest.approx(0.4)
    assert found.kappa_place == found.kappa_error
    assert found.kappa_error.low < 0.4 < found.kappa_error.high


def test_kappa_of_one_place_only_is_no_number() -> None:
    same = places(1, 1, 1)
    assert agreement(list(zip(same, same, strict=True)), HOW).kappa_place is None


def test_what_either_leaves_unscored_is_left_out_and_counted() -> None:
    a, b = places(1, "tie", None, 2), places(1, 0, "cut off", 2)
    found = agreement(list(zip(a, b, strict=True)), HOW)
    assert (found.n, found.n_unscored, found.same.value) == (2, 2, 1.0)
    with pytest.raises(NothingScored, match="2 solutions, none decided by both"):
        agreement(list(zip(a[1:3], b[1:3], strict=True)), HOW)


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        (None, None, "both none"),
        (2, 2, "same place"),
        (0, 0, "same place"),
        (None, 0, "only b"),
        (0, None, "only a"),
        (1, 2, "a earlier"),
        (2, 1, "a later"),
    ],
)
def test_how_two_places_compare(a: int | None, b: int | None, kind: str) -> None:
    assert kind_of(a, b) == kind


@given(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))
def test_kinds_turn_around_with_the_annotators(a: int | None, b: int | None) -> None:
    turned = {
        "a earlier": "a later",
        "a later": "a earlier",
        "only a": "only b",
        "only b": "only a",
    }
    kind = kind_of(a, b)
    assert kind in KINDS
    assert kind_of(b, a) == turned.get(kind, kind)


def test_a_share_of_no_solutions_is_an_error() -> None:
    with pytest.raises(NothingScored, match="a share of no solutions"):
        share_of_kinds([], {"same place"}, HOW)
