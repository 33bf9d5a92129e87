"""Recorders and aggregates add up at the end of every test, as in the contract's."""

from collections.abc import Iterator

import pytest

from tests.contract.adding_up import every_event_in_one_count


@pytest.fixture(autouse=True)
def _every_event_in_one_count(
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """Rule 28 of every recorder and aggregate of every test, at its end."""
    if request.node.get_closest_marker("does_not_add_up"):
        yield
        return
    # Patches of its own: a test may undo those of its `monkeypatch`.
    with pytest.MonkeyPatch.context() as patch, every_event_in_one_count(patch):
        yield
