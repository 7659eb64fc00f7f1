"""Writes docs/benchmarks.md and its plots from a record.

The explanation of a figure is a file in docs/benchmarks/findings/ with the figure's name. It is
copied into the page.
"""

from bench import plot, table
from support.project import ROOT

FINDINGS = ROOT / "docs/benchmarks/findings"
INTRODUCTION = """# Benchmarks

    ./scripts/bench

measures ostiary and its peers in turn, and writes this page. What is compared was measured in one run. The peers are Debian's packages, except CoreDNS, which
the script builds with Go. Bars and figures are medians; the line in a bar runs from the first quartile to the third. A ratio is
relative to the first row. All samples are in [benchmarks/figures.json](benchmarks/figures.json). The tests run
`./scripts/bench --small`, which only checks that everything can be measured.
"""


def file_name(figure):
    return figure.key.replace("/", "-")


def write(record, folder):
    plots = folder / "benchmarks"
    for old in plots.glob("*.svg"):
        old.unlink()
    for figure in record.figures:
        (plots / f"{file_name(figure)}.svg").write_text(plot.svg(figure))
    parts = [INTRODUCTION, overview(record), *map(section, record.figures), machine(record)]
    (folder / "benchmarks.md").write_text("\n".join(parts))


def grid(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def overview(record):
    rows = [[f"[{figure.title}](#{anchor(figure)})", bound.text, "met" if bound.met else "**missed**"]
            for figure in record.figures for bound in figure.bounds]
    return "## Bounds\n\n" + grid(["figure", "bound", ""], rows).replace("---:", "---")


def anchor(figure):
    return "".join(letter for letter in figure.title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")


def section(figure):
    finding = FINDINGS / f"{file_name(figure)}.md"
    explanation = [finding.read_text().replace("](../../", "](")] if finding.exists() else []  # links from docs/
    return "\n".join([
        f"## {figure.title}\n", figure.how + "\n", f"![{figure.title}](benchmarks/{file_name(figure)}.svg)\n",
        grid(["", "median", "ratio"], table.rows(figure)),
        *(f"- {table.verdict(bound)}" for bound in figure.bounds), "",
        *explanation])


def machine(record):
    return "## Machine and versions\n\n" + grid(["", ""], record.machine.items()).replace("---:", "---")
