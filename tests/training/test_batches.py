import torch
from hypothesis import given
from hypothesis import strategies as st

from prmkit.training.batches import LengthGroupedOrder, collate, pieces
from prmkit.training.examples import IGNORED, Example

LENGTHS = [(7 * i) % 50 + 1 for i in range(103)]


def order(seed: int = 0, epoch: int = 0, batch_size: int = 8) -> list[int]:
    made = LengthGroupedOrder(LENGTHS, batch_size, seed)
    made.set_epoch(epoch)
    return list(made)


@given(
    lengths=st.lists(st.integers(1, 100), max_size=200),
    batch_size=st.integers(1, 9),
    epoch=st.integers(0, 3),
)
def test_an_epoch_holds_each_row_once(lengths: list[int], batch_size: int, epoch: int) -> None:
    made = LengthGroupedOrder(lengths, batch_size, seed=1)
    made.set_epoch(epoch)
    assert sorted(made) == list(range(len(lengths)))
    assert len(made) == len(lengths)


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_rows_of_a_batch_are_of_similar_length_and_batches_are_not_sorted() -> None:
    batches = [order()[i : i + 8] for i in range(0, 96, 8)]  # 103 = 12 * 8 + 7
    widths = [[LENGTHS[row] for row in batch] for batch in batches]
    assert all(max(width) - min(width) <= 8 for width in widths)
    longest = [max(width) for width in widths]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_rows_are_padded_on_the_right_and_padding_has_no_label() -> None:
    rows = [Example("a", [5, 6, 7], [IGNORED, IGNORED, 1.0]), Example("b", [5], [0.25])]
    batch = collate(rows, pad_id=9)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [5, 9, 9]]
    assert batch["labels"].tolist() == [[-100, -100, 1.0], [0.25, -100, -100]]
    assert batch["labels"].dtype == torch.float32


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=20),
    most_tokens=st.integers(1, 200),
    trailing=st.integers(0, 3),
)
def test_pieces_hold_each_label_once_and_no_more_tokens_than_allowed(
    lengths: list[int], most_tokens: int, trailing: int
) -> None:
    """A row's label stands on its token number `length`, followed by tokens without one."""
    rows = [
        Example(
            "", [7] * n + [8] * trailing, [IGNORED] * (n - 1) + [at / 20] + [IGNORED] * trailing
        )
        for at, n in enumerate(lengths)
    ]
    cuts = pieces(collate(rows, pad_id=0), most_tokens)
    for cut in cuts:
        assert cut.input_ids.shape == cut.labels.shape
        assert len(cut.rows) == 1 or cut.input_ids.numel() <= most_tokens
        assert cut.input_ids.shape[1] == max(lengths[row] for row in cut.rows)
    assert sorted(row for cut in cuts for row in cut.rows.tolist()) == list(range(len(rows)))
    found = {
        row: labels[labels != IGNORED].tolist()
        for cut in cuts
        for row, labels in zip(cut.rows.tolist(), cut.labels, strict=True)
    }
    assert found == {at: [torch.tensor(at / 20).item()] for at in range(len(rows))}


def test_pieces_are_filled_from_the_longest_row_on() -> None:
    # 4 + 4 fit into 10 tokens, and 3 x 3: rows of 4, 4 | 3, 2, 1
    rows = [Example("", [5] * n, [*[IGNORED] * (n - 1), 1.0]) for n in (2, 4, 1, 4, 3)]
    cuts = pieces(collate(rows, pad_id=0), most_tokens=10)
    assert [cut.rows.tolist() for cut in cuts] == [[1, 3], [4, 0, 2]]
