"""Which events reach a probe: conditions, sampling, rates, budgets and limits."""
