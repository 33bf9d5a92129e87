"""The recorder: a probe that keeps what it is called with, in memory or in a file."""
