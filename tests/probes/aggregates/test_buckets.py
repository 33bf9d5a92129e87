"""Quantiles: within the stated error of the exact ones, whatever was measured."""

import math
import os

import numpy as np
import pytest

import kit
from kit.probes.aggregates._buckets import MOST_BUCKETS, Sketch, grow, scale
from kit.testing import isolated

# All ten million of them once, by hand: KIT_SKETCH=10000000.
COUNT = int(os.environ.get("KIT_SKETCH", "100_000"))
SHARES = (0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1)
SHAPES = {
    "even": lambda chance: chance.uniform(-1000, 1000, COUNT),
    "lognormal": lambda chance: chance.lognormal(10, 3, COUNT),
    "pareto": lambda chance: chance.pareto(0.7, COUNT) + 1,
    "two humps and zeros": lambda chance: np.concatenate(
        [
            chance.normal(-50, 1, COUNT // 2),
            chance.normal(10**6, 10, COUNT // 2 - COUNT // 100),
            np.zeros(COUNT // 100),
        ]
    ),
}


@pytest.mark.parametrize("error", [0.01, 0.05])
@pytest.mark.parametrize("shape", SHAPES)
def test_quantiles_against_exact_ones(shape: str, error: float, record_property) -> None:
    values = SHAPES[shape](np.random.default_rng(1))
    with isolated():
        sample = kit.marker("sketch.sample", x=float)
        with kit.aggregate(sample, "x", error=error) as numbers:
            for x in values.tolist():
                sample(x)
        stats = numbers.table().rows[()]
    assert stats.count == len(values)
    worst = 0.0
    for share, true in zip(SHARES, np.quantile(values, SHARES, method="lower"), strict=True):
        found = stats.quantile(share)
        worst = max(worst, abs(found - true) / abs(true) if true else abs(found))
    assert worst <= error * (1 + 1e-9)
    record_property("measured", f"quantiles, {shape}, {COUNT:,} values: {worst:.4%} of {error:.0%}")


def test_whole_numbers_of_any_size() -> None:
    with isolated():
        sample = kit.marker("sketch.whole", n=int)
        with kit.aggregate(sample, "n", histogram="log2") as numbers:
            for n in (10**400, 3, -(10**30), 0):
                sample(n)
        stats = numbers.table().rows[()]
        assert stats.sum == 10**400 + 3 - 10**30
        assert stats.quantile(0.34) == 0.0
        assert stats.quantile(0) == -(10**30)
        assert math.isinf(stats.sketch.quantile(1))
        assert stats.quantile(1) == 10**400
        assert str(numbers)
        assert numbers.frame()["count"].tolist() == [4]


def test_a_full_sketch_gives_up_the_values_nearest_to_zero() -> None:
    buckets: dict[float, int] = {}
    values = [math.exp(i / scale(0.01)) * 1.001 for i in range(-5000, 5000)]
    for value in values:
        bucket = math.log(value) * scale(0.01) // 1
        if bucket in buckets:
            buckets[bucket] += 1
        else:
            grow(buckets, bucket)
    for value in values[:100]:  # below the lowest that is left
        grow(buckets, math.log(value) * scale(0.01) // 1)
    assert len(buckets) == MOST_BUCKETS
    assert sum(buckets.values()) == len(values) + 100
    sketch = Sketch(0.01, buckets, {}, 0)
    for share in (0.7, 0.9, 0.999):
        true = sorted([*values, *values[:100]])[math.floor(share * (len(values) + 99))]
        assert abs(sketch.quantile(share) - true) <= 0.01 * true


def test_no_values_no_quantile() -> None:
    assert math.isnan(Sketch(0.01, {}, {}, 0).quantile(0.5))
