"""Sessions and captures whose structure was changed: refused with a clear error, or fine."""

import os
import random

import pytest

from kit.testing import isolated
from tests.fuzz_sessions import mutate

COUNT = 2000 if os.environ.get("KIT_LONG_TESTS") else 60


@pytest.mark.filterwarnings("ignore")  # pandas and numpy have something to say on odd numbers
def test_changed_structures_are_refused_or_opened(tmp_path, record_property):
    """Nothing but the kit's own errors, at once or when it is looked at.

    Seen to fail against what did not validate JSON (KeyError, AttributeError, TypeError, and a
    histogram without an end), and when half a character was let through in a column's name.
    """
    seed = random.randrange(10**9)
    record_property("seed", seed)
    print("seed", seed)
    with isolated():
        refused = mutate(COUNT, seed, tmp_path)
    assert 0 < refused["session"] < COUNT
    assert 0 < refused["parquet"] < COUNT
