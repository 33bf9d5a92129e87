"""Explanations: one execution laid open, why a model forbids it, and both as a drawing."""
