"""Litmus tests: their text, their syntax, and tests written in Python."""
