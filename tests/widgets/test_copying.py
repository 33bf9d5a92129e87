"""What is shown belongs to its page and its process: rule 43 of the contract, for what is drawn."""

import copy
import pickle

import pandas as pd
import pytest
from bokeh.plotting import figure

import kit
from kit import rcu
from kit.plots._selection import Selection
from kit.widgets._pane.pane import Pane

EVENTS = pd.DataFrame({"ts": [0, 10, 20], "marker": ["a", "b", "a"], "tid": 1})

MADE = {
    "Panel": (lambda: kit.panel("copied.*"), "snapshot"),
    "Pane": (lambda: Pane(figure()), "plot"),
    "Stepper": (lambda: rcu.stepper(rcu.machine("0→1", "kit")), "machine"),
    "Board": (lambda: rcu.board("N→1"), "case"),
    "Rate": (lambda: kit.plots.rate(EVENTS), "frames"),
    "Selection": (lambda: Selection(EVENTS), "frame"),
}
WAYS = (copy.copy, copy.deepcopy, pickle.dumps, lambda each: pickle.dumps(each, 0))


@pytest.mark.parametrize("kind", MADE)
def test_what_is_shown_is_neither_copied_nor_pickled(kind):
    """Seen to fail where `stays` is left out of a class."""
    make, instead = MADE[kind]
    shown = make()
    try:
        for way in WAYS:
            with pytest.raises(TypeError, match=f"^a {kind} stays in its process.*{instead}"):
                way(shown)
    finally:
        getattr(shown, "close", str)()
