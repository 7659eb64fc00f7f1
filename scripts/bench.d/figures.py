"""What a measurement yields: a figure, with the samples of each who took part."""

import math
import statistics
from dataclasses import dataclass, field


@dataclass
class Effort:
    """How much to measure: `small` shows in seconds that a bench still works, and its figures mean nothing."""
    small: bool

    def of(self, whole, small):
        return small if self.small else whole


@dataclass
class Series:
    name: str  # "ostiary", or the peer's
    samples: list[float]

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def quartiles(self):
        """The first and the third."""
        if len(self.samples) < 2:
            return self.samples[0], self.samples[0]
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third


@dataclass
class Bound:
    text: str  # as the reader of docs/benchmarks.md sees it
    met: bool


@dataclass
class Figure:
    key: str    # such as "dns/throughput"
    title: str
    unit: str
    how: str    # how it is measured: a paragraph for docs/benchmarks.md
    series: list[Series]
    bounds: list[Bound] = field(default_factory=list)
    higher_is_better: bool = False

    @classmethod
    def from_json(cls, read):
        return cls(**{**read, "series": [Series(**each) for each in read["series"]],
                      "bounds": [Bound(**each) for each in read["bounds"]]})

    def check(self):
        """A figure without samples of everyone is none."""
        for each in self.series:
            if not each.samples or not all(math.isfinite(sample) for sample in each.samples):
                raise ValueError(f"{self.key}: no samples of {each.name}")
