from random import Random

from hypothesis import given
from hypothesis import strategies as st

from prmkit.judging.vote import majority
from prmkit.records import Verdict


def votes(*places: int | None) -> list[Verdict]:
    return [Verdict(first_error=place) for place in places]


UNREADABLE = Verdict(unscored="no_verdict")


def test_the_most_frequent_place_wins_and_no_error_is_a_place() -> None:
    assert majority(votes(2, None, 2)) == (2, "")
    assert majority(votes(None, 2, None)) == (None, "")


def test_unreadable_votes_do_not_vote() -> None:
    assert majority([UNREADABLE, UNREADABLE, *votes(1)]) == (1, "")


def test_only_unreadable_votes_decide_nothing() -> None:
    all_votes = [UNREADABLE, Verdict(unscored="unfinished"), UNREADABLE]
    assert majority(all_votes) == (None, "2 no_verdict, 1 unfinished")
    assert majority([]) == (None, "no votes")


def test_a_tie_is_unscored_unless_the_first_of_the_tied_is_asked_for() -> None:
    tied = votes(3, 1, 1, 3, 0)
    assert majority(tied) == (None, "tie")
    assert majority(tied, ties="first") == (3, "")


def test_a_tie_below_the_top_does_not_matter() -> None:
    assert majority(votes(3, 1, 3, 0)) == (3, "")


@given(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=9), st.randoms())
def test_the_order_of_votes_does_not_change_the_decision(
    places: list[int | None], chance: Random
) -> None:
    shuffled = list(places)
    chance.shuffle(shuffled)
    assert majority(votes(*shuffled)) == majority(votes(*places))


@given(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=9))
def test_an_unreadable_vote_changes_nothing_where_others_can_be_read(
    places: list[int | None],
) -> None:
    assert majority([UNREADABLE, *votes(*places)]) == majority(votes(*places))
