import pytest

from gancompress.report.table import (
    Table,
    format_bytes,
    format_count,
    format_ratio,
    format_seconds,
)

TABLE = Table(
    ("", "teacher", "student"), [("MACs", "12.3M", "1.20M"), ("Fréchet distance", "8", "10.25")]
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1000, "1.00K"),
        (2_054_368, "2.05M"),
        (12_345_678, "12.3M"),
        (99_950_000, "100M"),
        (999_499, "999K"),
        (999_500, "1.00M"),
        (56_800_000_000, "56.8G"),
    ],
)
def test_counts_have_three_digits_and_never_a_thousand_of_a_unit(number: int, text: str):
    assert format_count(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(12, "12 B"), (8_151_332, "8.15 MB"), (2_500_000_000, "2.50 GB")]
)
def test_bytes_are_decimal(number: int, text: str):
    assert format_bytes(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0012, "1.20 ms"), (2.5e-7, "250 ns"), (0.9996, "1.00 s"), (75.0, "75.0 s"), (0, "0.00 ns")],
)
def test_durations_choose_their_unit(seconds: float, text: str):
    assert format_seconds(seconds) == text


def test_spread_is_written_in_the_unit_and_precision_of_the_value():
    assert format_seconds(0.0012, 0.0001) == "1.20 ms ± 0.10"
    assert format_seconds(0.0123, 0.0014) == "12.3 ms ± 1.4"


@pytest.mark.parametrize(("ratio", "text"), [(8.44, "8.4×"), (0.967, "0.97×"), (120.4, "120×")])
def test_ratios_say_times(ratio: float, text: str):
    assert format_ratio(ratio) == text


def test_text_table_aligns_names_left_and_values_right():
    assert TABLE.text().splitlines() == [
        "                   teacher   student",
        "─" * 36,
        "MACs                 12.3M     1.20M",
        "Fréchet distance         8     10.25",
    ]


def test_markdown_table_escapes_the_bar():
    table = Table(("a|b", "n"), [("x", "1")])
    assert table.markdown() == "| a\\|b | n |\n| --- | ---: |\n| x | 1 |"


def test_table_without_rows_is_its_head():
    assert Table(("a", "b"), []).text() == "a   b\n─────"


def test_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="has 1 cells, not 2"):
        Table(("a", "b"), [("x",)])
