"""Sessions: recorders, aggregates and triggers that start, stop and are saved together."""
