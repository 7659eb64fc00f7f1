"""benchmarks/figures.json: the figures, and the machine that measured them."""

import dataclasses
import json

from bench.figures import Figure

NAME = "benchmarks/figures.json"


@dataclasses.dataclass
class Record:
    machine: dict[str, str]
    figures: list[Figure]


def merged(old, new):
    """The figures of `new` in the places of those of `old`, for a run of some modules. The dates of both count."""
    figures = {each.key: each for each in (*old.figures, *new.figures)}
    dates = dict.fromkeys(f"{old.machine['date']}, {new.machine['date']}".split(", "))
    return Record({**old.machine, **new.machine, "date": ", ".join(dates)}, list(figures.values()))


def write(record, folder):
    """Writes one series per line, so that `git diff` compares two runs."""
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = [dataclasses.asdict(figure) for figure in record.figures]
    for series in (series for figure in figures for series in figure["series"]):
        series["samples"] = [float(f"{sample:.5g}") for sample in series["samples"]]
    lines = [f'  {json.dumps({**figure, "series": None})}'.replace(
        '"series": null', '"series": [\n    ' + ",\n    ".join(map(json.dumps, figure["series"])) + "]")
        for figure in figures]
    machine = json.dumps(record.machine, indent=2)
    path.write_text(f'{{"machine": {machine},\n"figures": [\n' + ",\n".join(lines) + "]}\n")


def read(folder):
    read = json.loads((folder / NAME).read_text())
    return Record(read["machine"], [Figure.from_json(each) for each in read["figures"]])
