"""A small run of scripts/bench: every measurement works and can be shown. The figures do not
matter."""

import dataclasses
import os
import runpy
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bench import collector, page, record
from support.project import ROOT


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    done = subprocess.run([sys.executable, "-m", "bench", "--small", "--into", folder],
                          env=os.environ | {"PYTHONPATH": str(ROOT / "tests")}, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_figure_has_samples_of_all_contenders(written):
    figures = record.read(written).figures
    assert figures
    for figure in figures:
        assert len(figure.series) > 1, f"{figure.key} compares nothing"
        assert all(each.samples for each in figure.series), figure.key


def test_the_page_shows_every_figure_with_its_bounds_and_its_plot(written):
    shown = (written / "benchmarks.md").read_text()
    for figure in record.read(written).figures:
        plot = f"benchmarks/{page.file_name(figure)}.svg"
        for part in (figure.title, figure.how, plot, *(bound.text for bound in figure.bounds)):
            assert part in shown
        words = "".join(ElementTree.parse(written / plot).getroot().itertext())
        assert all(each.name in words for each in figure.series)


def test_a_module_whose_programs_are_missing_is_refused_with_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(collector, "OTELCOL", tmp_path / "missing")
    assert "run tests/observability/build" in collector.missing()
    monkeypatch.setattr(collector, "missing", lambda: "collector is not measured: no reason")
    with pytest.raises(SystemExit) as end:
        monkeypatch.setattr(sys, "argv", ["bench", "collector"])
        runpy.run_module("bench", run_name="__main__")
    assert end.value.code == 1


def test_a_run_of_some_modules_leaves_the_other_figures_as_they_are(written):
    before = record.read(written)
    first, *others = before.figures
    again = dataclasses.replace(first, title="Measured again")
    after = record.merged(before, record.Record({**before.machine, "date": "2099-01-01", "nginx": "9"}, [again]))
    assert after.figures == [again, *others]
    assert after.machine["date"] == f"{before.machine['date']}, 2099-01-01" and after.machine["nginx"] == "9"
    assert record.merged(after, after) == after
