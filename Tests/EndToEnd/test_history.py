"""The checker of histories finds what it is for."""

import pytest

from history import Add, Read, problems_of_set


def read(values, start, end):
    return Read("k", frozenset(values.split()), start, end, "n")


WRITES = [Add("k", "a", 0, 1), Add("k", "b", 2, 5), Add("k", "c", 3, None)]


@pytest.mark.parametrize("reads", [
    [read("", 0, 0.5), read("a", 1.5, 2), read("a", 3, 4), read("a b", 3, 4), read("a b c", 6, 7)],
    [read("a c", 3, 4), read("a c", 4, 4.5), read("a b c", 5.5, 6)],
    [read("a", 0.2, 0.3), read("a", 1.2, 1.3), read("a b", 5.1, 6), read("a b", 7, 8)],
])
def test_what_can_have_happened_passes(reads):
    assert not list(problems_of_set(WRITES, reads))


@pytest.mark.parametrize("reads, words", [
    ([read("", 1.5, 2)], "does not read a, acknowledged before"),
    ([read("a b", 1.2, 1.8)], "before it was written"),
    ([read("a x", 1.2, 1.8)], "nobody wrote"),
    ([read("a b", 3, 3.5), read("a", 4, 4.5)], "any more"),
    ([read("a c", 3, 4.9), read("a b", 3, 4.9)], "apart"),
    ([read("b", 2.5, 3)], "without a, acknowledged before it"),
])
def test_what_can_not_is_found(reads, words):
    problems = list(problems_of_set(WRITES, reads))
    assert any(words in problem for problem in problems), problems
