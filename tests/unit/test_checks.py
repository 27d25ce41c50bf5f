"""The checks at the doors: what they let through, what they refuse, and in which words."""

import numpy as np
import pytest
import torch

from utils._checks import check_choice, check_finite, check_float, check_whole


@pytest.mark.parametrize("value", [1, 7, np.int64(7)])
def test_whole_numbers_pass_as_int(value):
    assert type(check_whole(value, "The count")) is int


@pytest.mark.parametrize("value", [True, 2.0, "3", None, torch.tensor(3), np.float64(2)])
def test_what_is_not_a_whole_number_is_refused(value):
    with pytest.raises(TypeError, match="The count is an integer"):
        check_whole(value, "The count")


@pytest.mark.parametrize(
    ("value", "limits", "words"),
    [(0, (1, None), "at least 1"), (7, (1, 6), "from 1 to 6"), (-1, (0, 6), "from 0 to 6")],
)
def test_whole_numbers_outside_their_limits_are_refused(value, limits, words):
    with pytest.raises(ValueError, match=words):
        check_whole(value, "The count", *limits)


def test_choices():
    assert check_choice("a", "The method", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="'a', 'b', but it is 'c'"):
        check_choice("c", "The method", ("a", "b"))


@pytest.mark.parametrize("x", [[1.0], np.ones(2), torch.ones(2, dtype=torch.int64), 3])
def test_only_floats_pass(x):
    with pytest.raises(TypeError, match="codes must be"):
        check_float(x, "codes")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_bad_numbers_are_refused(bad):
    x = torch.ones(100)
    x[37] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        check_finite(x, "codes")


def test_opposite_infinities_and_sums_that_overflow():
    with pytest.raises(ValueError, match="NaN or infinite"):
        check_finite(torch.tensor([float("inf"), -float("inf")]), "codes")
    large = torch.full((4,), 3e38)
    assert check_finite(large, "codes") is large


def test_empty_tensors_are_refused():
    with pytest.raises(ValueError, match=r"shape \(0, 3\)"):
        check_finite(torch.ones(0, 3), "codes")
