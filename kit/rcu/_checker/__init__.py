"""The checker: all executions of a litmus test, and what a model says of them."""
