"""Prints figures as text."""


def number(value):
    """Three digits, and no more decimals than a reader can use."""
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{places}f}"


def rows(figure):
    """The name, the median, and the ratio to the first row, of each contender."""
    first = figure.series[0].median
    return [(each.name, f"{number(each.median)} {figure.unit}", f"{number(each.median / first)} ×" if first else "–")
            for each in figure.series]


def verdict(bound):
    return f"{'met' if bound.met else 'MISSED'}: {bound.text}"


def of(figure):
    lines = [f"{figure.title} ({figure.key})"]
    cells = rows(figure)
    name, value = (max(len(row[column]) for row in cells) for column in (0, 1))
    lines += [f"  {row[0]:<{name}}  {row[1]:>{value}}  {row[2]:>8}" for row in cells]
    lines += [f"  {verdict(bound)}" for bound in figure.bounds]
    return "\n".join(lines) + "\n"


def bounds(figures):
    missed = [f"  {figure.key}: {bound.text}" for figure in figures for bound in figure.bounds if not bound.met]
    count = sum(len(figure.bounds) for figure in figures)
    return "\n".join([f"{count - len(missed)} of {count} bounds met" + (", missed:" if missed else ""), *missed])
