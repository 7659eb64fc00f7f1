"""The result of a measurement: a figure, with all samples of each contender."""

import math
import statistics
from dataclasses import dataclass, field


@dataclass
class Effort:
    """The extent of a measurement. `small` checks in seconds that a benchmark works; its figures
    mean nothing."""
    small: bool

    def of(self, whole, small):
        return small if self.small else whole


@dataclass
class Series:
    name: str  # "ostiary", or the name of the peer
    samples: list[float]

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def quartiles(self):
        """The first and the third quartile."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third


@dataclass
class Bound:
    text: str  # the text in docs/benchmarks.md
    met: bool


@dataclass
class Figure:
    key: str    # such as "dns/throughput"
    title: str
    unit: str
    how: str    # how it is measured: a paragraph in docs/benchmarks.md
    series: list[Series]
    bounds: list[Bound] = field(default_factory=list)
    higher_is_better: bool = False

    @classmethod
    def from_json(cls, read):
        return cls(**{**read, "series": [Series(**each) for each in read["series"]],
                      "bounds": [Bound(**each) for each in read["bounds"]]})

    def check(self):
        """Every contender must have samples."""
        for each in self.series:
            if not each.samples or not all(math.isfinite(sample) for sample in each.samples):
                raise ValueError(f"{self.key}: no samples of {each.name}")
