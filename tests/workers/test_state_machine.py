"""The ledger's promises hold in every state that can be reached, and each guard is needed."""

from dataclasses import replace

import pytest

from .state_machine import Rules, State, broken_promise, explore, is_stuck

LIMIT = 1_000_000

# The promise that is broken first where a guard is out.
NEEDED = {
    "checks_generation": "nothing is owed, and a rendition is not of this picture",
    "takes_lease": "two workers have one picture open",
    "lease_outlives_process": "two workers have one picture open",
    "counts_before": "an attempt too many was begun",
    "sweeps": "it is owed for ever",
    "withdraws": "a deleted picture left a rendition",
    "owes_with_save": "nothing is owed, and a rendition is not of this picture",
}


def explored(rules: Rules):
    def what_is_wrong(state: State) -> str | None:
        if is_stuck(state, rules):
            return "it is owed for ever"
        return broken_promise(state)

    return explore(rules, LIMIT, what_is_wrong)


def test_no_order_of_events_breaks_a_promise():
    """Saves, deliveries, deaths, deletions and retries in any order at all."""
    whole = explored(Rules())

    assert whole.broken is None, whole.way
    assert 10_000 < whole.states < LIMIT, "all of it was seen, and it is not empty"


@pytest.mark.parametrize("guard", NEEDED)
def test_without_a_guard_a_promise_is_broken(guard):
    """An exploration that finds nothing wrong would find it if it were there."""
    found = explored(replace(Rules(), **{guard: False}))

    assert found.broken == NEEDED[guard], found.way
