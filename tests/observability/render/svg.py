"""Draws panels in SVG. A panel's content is text, numbers and lines; nothing of a browser is needed."""

import time
from xml.sax.saxutils import escape

UNIT = 34  # height of a grid's row in pixels
COLUMN = 60  # width of a grid's column
GAP = 8
PALETTE = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#56a64b", "#8ab8ff"]
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2"}
BACK, PANEL, EDGE, TEXT, DIM = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9298"
SCALES = {"s": [(3600, " hour"), (60, " min"), (1, " s")], "ms": [(60000, " min"), (1000, " s"), (1, " ms")],
          "bytes": [(1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B")]}
WIDE = 0.63  # of a letter, relative to the size


def number(value, unit, decimals=None):
    """A value as Grafana would write it."""
    if unit == "currencyUSD":
        return f"${value:,.{decimals or (2 if value >= 1 or not value else 3)}f}"
    if unit == "percentunit":
        return f"{100 * value:.{1 if decimals is None else decimals}f}%"
    scales = SCALES.get(unit, [(1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1, "")])
    scale, name = next((each for each in scales if abs(value) >= each[0]), scales[-1])
    text = f"{value / scale:.{2 if value % scale else 0}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + name


class Canvas:
    def __init__(self):
        self._parts = []

    def text(self, x, y, text, size=12, color=TEXT, anchor="start", weight="", width=None, mono=False):
        if width is not None and len(text) > (room := max(1, int(width / size / (0.61 if mono else WIDE)))):
            text = text[:room - 1] + "…"
        self._parts.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{color}"'
                           + (f' text-anchor="{anchor}"' if anchor != "start" else "")
                           + (f' font-weight="{weight}"' if weight else "") + (' class="m"' if mono else "")
                           + f'>{escape(text)}</text>')

    def box(self, x, y, width, height, fill, edge=None, round=0):
        width, height = max(width, 0), max(height, 0)
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"'
                           + (f' stroke="{edge}"' if edge else "") + (f' rx="{round}"' if round else "") + "/>")

    def line(self, points, color, width=1.5):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"/>')

    def dot(self, x, y, color):
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>')

    def document(self, width, height, title):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
                f'font-family="Inter, Helvetica, Arial, sans-serif"><title>{escape(title)}</title>'
                f'<style>.m{{font-family:DejaVu Sans Mono,Menlo,monospace}}text{{white-space:pre}}</style>'
                f'<rect width="100%" height="100%" fill="{BACK}"/>\n' + "\n".join(self._parts) + "\n</svg>\n")


class Area:
    """A panel's place on the canvas."""

    def __init__(self, canvas, place, top):
        self.canvas = canvas
        self.x, self.y = place["x"] * COLUMN + GAP, place["y"] * UNIT + GAP + top
        self.width, self.height = place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP


def frame(area, title):
    area.canvas.box(area.x, area.y, area.width, area.height, PANEL, EDGE, 2)
    area.canvas.text(area.x + 8, area.y + 18, title, 13, weight="600", width=area.width - 16)


def nothing(area, text):
    area.canvas.text(area.x + area.width / 2, area.y + area.height / 2 + 8, text, 12, DIM, "middle", width=area.width - 20)


def big_number(area, text, color):
    size = 30 if len(text) < 9 else 24
    area.canvas.text(area.x + area.width / 2, area.y + area.height / 2 + 22, text, size, NAMED[color], "middle", "600")


def chart(area, series, start, end, unit, stacked):
    """series: [(name, [(time, value)])]."""
    left, right, top, bottom = area.x + 58, area.x + area.width - 14, area.y + 34, area.y + area.height - 46
    sums = {}
    for _, points in series:
        for moment, value in points:
            sums[moment] = sums.get(moment, 0) + value if stacked else max(sums.get(moment, 0), value)
    highest = max(sums.values(), default=0) * 1.1 or 1

    def place(moment, value):
        return left + (moment - start) / (end - start) * (right - left), bottom - value / highest * (bottom - top)

    for step in range(4):
        y = bottom - step / 3 * (bottom - top)
        area.canvas.line([(left, y), (right, y)], EDGE, 1)
        area.canvas.text(left - 6, y + 4, number(highest * step / 3, unit), 10, DIM, "end")
    for step in range(4):
        moment = start + (end - start) * step / 3
        area.canvas.text(place(moment, 0)[0], bottom + 16, time.strftime("%H:%M:%S", time.gmtime(moment)), 10, DIM,
                         ("start", "middle", "middle", "end")[step])
    below = {}
    wide = min(40, (right - left) / max(1, (end - start) / 60) * 0.7)
    for place_in_palette, (_, points) in enumerate(series):
        color = PALETTE[place_in_palette % len(PALETTE)]
        if stacked:
            for moment, value in points:
                base = below.get(moment, 0)
                (x, y), (_, lower) = place(moment, base + value), place(moment, base)
                area.canvas.box(min(max(x - wide / 2, left), right - wide), y, wide, lower - y, color)
                below[moment] = base + value
        else:
            places = [place(*each) for each in points]
            area.canvas.line(places, color)
            for each in places:
                area.canvas.dot(*each, color)
    x = left - 40
    for place_in_palette, (name, _) in enumerate(series):
        wide = len(name) * 11 * WIDE + 26
        if x + wide > right:
            break
        area.canvas.box(x, bottom + 28, 10, 3, PALETTE[place_in_palette % len(PALETTE)])
        area.canvas.text(x + 14, bottom + 33, name, 11)
        x += wide


def bars(area, values, unit):
    """values: [(name, value)]."""
    highest = max((value for _, value in values), default=0) or 1
    each = min(34, (area.height - 40) / max(1, len(values)))
    room = area.width - 220
    for place, (name, value) in enumerate(values):
        y = area.y + 34 + place * each
        color = PALETTE[place % len(PALETTE)]
        area.canvas.text(area.x + 10, y + each / 2 + 2, name, 12, width=110)
        area.canvas.box(area.x + 120, y, room, each - 8, "#22252b")
        area.canvas.box(area.x + 120, y, room * value / highest, each - 8, color)
        area.canvas.text(area.x + 130 + room, y + each / 2 + 2, number(value, unit), 12, color)


def table(area, headings, rows):
    """rows: lists of texts."""
    if not headings:
        return
    lengths = [max([len(heading), *(len(row[place]) for row in rows)]) for place, heading in enumerate(headings)]
    lengths = [min(length, 44) + 2 for length in lengths]
    widths = [length / sum(lengths) * (area.width - 20) for length in lengths]
    fits = int((area.height - 58) / 24)
    for line, row in enumerate([headings, *rows[:fits]]):
        x, y = area.x + 10, area.y + 42 + line * 24
        for text, width in zip(row, widths):
            area.canvas.text(x, y, text, 12, DIM if line == 0 else TEXT, weight="600" if line == 0 else "", width=width - 8)
            x += width
        area.canvas.line([(area.x + 8, y + 8), (area.x + area.width - 8, y + 8)], EDGE, 1)


def log(area, lines):
    """lines: [(time, text, color)]."""
    fits = int((area.height - 40) / 18)
    for place, (moment, text, color) in enumerate(lines[:fits]):
        y = area.y + 42 + place * 18
        clock = time.strftime("%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03}"
        area.canvas.box(area.x + 8, y - 11, 3, 14, color)
        area.canvas.text(area.x + 18, y, clock, 11, DIM, mono=True)
        area.canvas.text(area.x + 112, y, text, 11, width=area.width - 124, mono=True)


def waterfall(area, spans):
    """spans: [(depth, name, start, seconds)]."""
    first = min(start for _, _, start, _ in spans)
    whole = max(start + seconds for _, _, start, seconds in spans) - first or 1
    each = min(22, (area.height - 44) / len(spans))
    left, room = area.x + 300, area.width - 390
    for place, (depth, name, start, seconds) in enumerate(spans):
        y = area.y + 36 + place * each
        color = PALETTE[depth % len(PALETTE)]
        area.canvas.text(area.x + 10 + depth * 14, y + each / 2 + 4, name, 11, width=284 - depth * 14)
        area.canvas.box(left + (start - first) / whole * room, y + 3, max(2, seconds / whole * room), each - 6, color)
        area.canvas.text(min(left + (start + seconds - first) / whole * room + 6, left + room + 6), y + each / 2 + 4,
                         number(seconds, "s") if seconds >= 1 else number(round(seconds * 1000), "ms"), 10, DIM)
