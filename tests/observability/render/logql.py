"""The part of LogQL that the dashboards use, over records in memory. It is for the pictures: Grafana's own grammar judges the
queries themselves.

    records(query, all)            the records of a query for records, each with its line
    at(query, all, time)           an instant query: {labels: value}
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<time>\[\w+\])|(?P<number>\d+(?:\.\d+)?)
                       |(?P<word>[A-Za-z_]\w*)|(?P<sign>=~|!~|!=|[=(){}|,/>]))""", re.X)
MATCHES = {"=": lambda value, wanted: value == wanted, "!=": lambda value, wanted: value != wanted,
           "=~": lambda value, wanted: bool(re.fullmatch(wanted, value)),
           "!~": lambda value, wanted: not re.fullmatch(wanted, value)}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass
class Record:
    time: float  # in seconds since 1970
    labels: dict  # texts, with Loki's names
    line: str


def records(query, everything):
    parser = Parser(query)
    pipeline = parser.pipeline()
    parser.end()
    return pipeline.of(everything)


def at(query, everything, time):
    parser = Parser(query)
    ask = parser.expression()
    parser.end()
    return {labels: value for labels, value in ask(everything, time).items() if value is not None}


@dataclass
class Pipeline:
    conditions: list  # (label, sign, wanted)
    template: str | None
    unwrap: str | None

    def of(self, everything):
        found = [each for each in everything if all(MATCHES[sign](each.labels.get(label, ""), wanted)
                                                    for label, sign, wanted in self.conditions)]
        if self.template is None:
            return found
        return [Record(each.time, each.labels, filled(self.template, each)) for each in found]

    def values(self, everything, time, seconds):
        """(labels, number) of the records in these seconds before a time."""
        return [(each.labels, float(each.labels[self.unwrap]) if self.unwrap else 1.0) for each in self.of(everything)
                if time - seconds < each.time <= time and (not self.unwrap or self.unwrap in each.labels)]


class Parser:
    def __init__(self, text):
        self._tokens, place = [], 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            assert found, f"what is {text[place:]!r}?"
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def expression(self):
        left = self._comparison()
        if not self._skip("and"):
            return left
        right = self.expression()
        return lambda everything, time: {labels: value for labels, value in left(everything, time).items()
                                         if labels in right(everything, time)}

    def _comparison(self):
        left = self._quotient()
        if not self._skip(">"):
            return left
        least = float(self._tokens.pop(0)[1])
        return lambda everything, time: {labels: value for labels, value in left(everything, time).items() if value > least}

    def _quotient(self):
        left = self._aggregation()
        if not self._skip("/"):
            return left
        right = self._aggregation()

        def divided(everything, time):
            below = right(everything, time)
            return {labels: value / below[labels] for labels, value in left(everything, time).items() if below.get(labels)}
        return divided

    def pipeline(self):
        conditions, template, unwrap = [], None, None
        self._take("{")
        while not self._skip("}"):
            conditions.append(self._condition())
            self._skip(",")
        while self._skip("|"):
            if self._skip("line_format"):
                template = self._text()
            elif self._skip("unwrap"):
                unwrap = self._word()
            else:
                conditions.append(self._condition())
        return Pipeline(conditions, template, unwrap)

    def end(self):
        assert not self._tokens, self._tokens

    def _aggregation(self):
        name = self._word()
        if name.endswith("_over_time"):
            return self._over_time(name)
        by = self._labels() if self._skip("by") else []
        self._take("(")
        inner = self.expression()
        self._take(")")
        assert name in ("sum", "sort_desc"), name
        if name == "sort_desc":
            return inner
        def summed(everything, time):
            found = {}
            for labels, value in inner(everything, time).items():
                key = _only(dict(labels), by)
                found[key] = found.get(key, 0) + value
            return found
        return summed

    def _over_time(self, name):
        self._take("(")
        share = float(self._tokens.pop(0)[1]) if self._tokens[0][0] == "number" else None
        if share is not None:
            self._take(",")
        pipeline = self.pipeline()
        span = self._tokens.pop(0)[1][1:-1]
        seconds = float(span[:-1]) * SECONDS[span[-1]]
        self._take(")")
        by = self._labels() if self._skip("by") else None
        def over_time(everything, time):
            groups = {}
            for labels, value in pipeline.values(everything, time, seconds):
                groups.setdefault(_only(labels, labels if by is None else by), []).append(value)
            return {key: _over_time(name, share, values) for key, values in groups.items()}
        return over_time

    def _condition(self):
        return self._word(), self._tokens.pop(0)[1], self._text()

    def _labels(self):
        self._take("(")
        labels = [self._word()]
        while self._skip(","):
            labels.append(self._word())
        self._take(")")
        return labels

    def _skip(self, token):
        if self._tokens and self._tokens[0][1] == token:
            self._tokens.pop(0)
            return True
        return False

    def _take(self, token):
        assert self._skip(token), (token, self._tokens)

    def _word(self):
        kind, text = self._tokens.pop(0)
        assert kind == "word", text
        return text

    def _text(self):
        kind, text = self._tokens.pop(0)
        assert kind == "text", text
        return text[1:-1]


def _only(labels, names):
    """The labels of a group. One that a record does not have is left out."""
    return tuple((name, labels[name]) for name in names if labels.get(name))


def _over_time(name, share, values):
    if name == "quantile_over_time":
        values = sorted(values)
        place = share * (len(values) - 1)
        below = values[int(place)]
        return below + (values[min(int(place) + 1, len(values) - 1)] - below) * (place % 1)
    return {"count_over_time": len, "sum_over_time": sum, "max_over_time": max,
            "avg_over_time": lambda values: sum(values) / len(values)}[name](values)


# Templates ------------------------------------------------------------------------------------------------------------


def filled(template, record):
    """The template's line: one chain of `if eq .label "text"`, and values of labels, some as numbers with decimals."""
    chosen = template
    for condition, text in re.findall(r"\{\{ (?:else )?(if eq \.\w+ \"[^\"]*\"|else|if [^}]*) \}\}(.*?)(?=\{\{ (?:else|end) )",
                                      template):
        label, _, wanted = condition.partition("if eq .")[2].partition(" ")
        if condition == "else" or record.labels.get(label, "") == wanted.strip('"'):
            chosen = text
            break
    chosen = re.sub(r'\{\{ printf "%.(\d)f" \(float64 \.(\w+)\) \}\}',
                    lambda found: f"{float(record.labels.get(found[2]) or 0):.{found[1]}f}", chosen)
    values = {"__line__": record.line}
    return re.sub(r"\{\{ \.?(\w+) \}\}", lambda found: values.get(found[1], record.labels.get(found[1], "")), chosen).strip()
