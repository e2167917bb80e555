from prmkit.generators.openai_api.client import Patience
from prmkit.generators.openai_api.pool import Pool


def pool(n: int) -> Pool:
    return Pool([f"http://server-{i}/v1" for i in range(n)])


def test_a_problems_own_server_is_taken_until_another_has_far_less_to_do() -> None:
    servers = pool(2)
    one, other = servers.servers
    assert servers.choose(home=4, now=0.0) is one
    assert servers.choose(home=5, now=0.0) is other
    one.n_under_way = 8
    assert servers.choose(home=4, now=0.0) is one
    one.n_under_way = 9
    assert servers.choose(home=4, now=0.0) is other


def test_an_attempt_is_not_repeated_where_it_failed_if_another_can_be_asked() -> None:
    servers = pool(2)
    one, other = servers.servers
    other.n_under_way = 50
    assert servers.choose(home=0, now=0.0, failed=one) is other
    servers.leave(other, now=0.0)
    assert servers.choose(home=0, now=0.5, failed=one) is one


def test_a_server_that_cannot_be_reached_is_left_for_longer_each_time() -> None:
    servers = pool(2)
    one, other = servers.servers
    servers.leave(one, now=10.0)
    servers.leave(one, now=10.5)  # a request that was under way: no news
    assert one.rests_until == 11.0
    assert servers.choose(home=0, now=10.9) is other
    assert servers.has_other(one, now=10.9)
    assert servers.choose(home=0, now=11.0) is one
    servers.leave(one, now=11.0)
    assert one.rests_until == 13.0
    servers.leave(other, now=12.0)
    one.rests_until = 12.9  # none is awake: the one that wakes first
    assert servers.choose(home=1, now=12.5) is one


def test_pauses_double_with_jitter_and_a_bound_and_the_servers_wish_is_bounded() -> None:
    patience = Patience(first_s=1.0, longest_s=10.0)
    for n_tried, whole in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 10.0)):
        assert whole / 2 <= patience.pause_s(n_tried, None) <= whole
    assert 3.0 <= patience.pause_s(1, 3.0) <= 4.0
    assert 10.0 <= patience.pause_s(1, 3600.0) <= 11.0
