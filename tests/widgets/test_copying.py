"""What is shown belongs to its page and its process: rule 44 of the contract, for widgets."""

import copy
import pickle

import pytest
from bokeh.plotting import figure

import kit
from kit import rcu
from kit.widgets.pane import Pane

MADE = {
    "Panel": (lambda: kit.panel("copied.*"), "snapshot"),
    "Pane": (lambda: Pane(figure()), "plot"),
    "Stepper": (lambda: rcu.stepper(rcu.machine("0→1", "kit")), "machine"),
    "Board": (lambda: rcu.board("N→1"), "case"),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_widget_is_neither_copied_nor_pickled(kind):
    """Seen to fail where `stays` is left out of a class."""
    make, instead = MADE[kind]
    shown = make()
    try:
        for way in (copy.copy, copy.deepcopy, pickle.dumps, lambda each: pickle.dumps(each, 0)):
            with pytest.raises(TypeError, match=f"^a {kind} stays in its process.*{instead}"):
                way(shown)
    finally:
        shown.close()
