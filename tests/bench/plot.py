"""A figure as SVG: a bar per series up to its median, and a line from the first quartile to the
third."""

from xml.sax.saxutils import escape

from bench import table

WIDTH, ROW, BAR, TOP = 760, 30, 16, 40
LETTER = 7.2
# An SVG in a page uses the reader's light or dark mode.
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .ours { fill: #2f6fd0 } .peer { fill: #9aa4af } .spread { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .ours { fill: #58a6ff } .peer { fill: #6e7681 } .spread { stroke: #e6edf3 }
    }"""


def svg(figure):
    left = 16 + LETTER * max(len(each.name) for each in figure.series)
    values = [table.number(each.median) for each in figure.series]
    room = WIDTH - left - 24 - LETTER * max(map(len, values))
    longest = max(max(each.median, each.quartiles[1]) for each in figure.series) or 1
    better = "more is better" if figure.higher_is_better else "less is better"
    height = TOP + ROW * len(figure.series) + 8
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" role="img" '
             f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
             f"  <title>{escape(figure.title)}</title>", f"  <style>{STYLE}\n  </style>",
             f'  <text class="title" x="8" y="20">{escape(figure.title)}, {escape(figure.unit)} ({better})</text>']
    all_ours = not any(each.name.startswith("ostiary") for each in figure.series)
    for number, (each, value) in enumerate(zip(figure.series, values)):
        middle = TOP + ROW * number + ROW / 2
        low, high = (left + room * edge / longest for edge in each.quartiles)
        end = left + room * each.median / longest
        kind = "ours" if all_ours or each.name.startswith("ostiary") else "peer"
        lines += [f'  <text x="{left - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">{escape(each.name)}</text>',
                  f'  <rect class="{kind}" x="{left:.1f}" y="{middle - BAR / 2:.1f}" width="{end - left:.1f}" '
                  f'height="{BAR}" rx="2"/>',
                  f'  <line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>',
                  f'  <text x="{max(end, high) + 8:.1f}" y="{middle + 4:.1f}">{value}</text>']
    return "\n".join([*lines, "</svg>"]) + "\n"
