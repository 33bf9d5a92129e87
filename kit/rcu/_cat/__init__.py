"""The cat language: from the text of a memory model to operations on relations."""
