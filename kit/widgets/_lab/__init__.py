"""The lab's widgets: boards of litmus tests, and simulations under the hand."""
