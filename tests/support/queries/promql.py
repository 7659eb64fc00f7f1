"""Checks the fields of PromQL. An expression's labels are None if it is a scalar."""

from support import inventory
from support.queries.tree import Problems, string

FIRST_VALUE_IS_MISSED = ("Rate", "Irate", "Increase")
WITHOUT_LABELS = ("Absent", "AbsentOverTime", "Vector", "Scalar", "Time", "Pi")
KEEP_LABELS = ("topk", "bottomk", "limitk", "limit_ratio")
SET_OPERATORS = ("And", "Unless")
DEPEND_ON_THE_WAY = {"job": "its value depends on the way: write service_name", "instance": "write service_instance_id"}


class AnyLabel(dict):
    """The labels of a metric that is unknown, so that it is one problem only."""

    def __contains__(self, name):
        return True

    def __missing__(self, name):
        return inventory.Field(frozenset({inventory.TEXT}))


class Checker:
    def __init__(self, rules):
        """`rules`: {recorded name: (tree of its expression, labels that it adds)}."""
        self._metrics, self._rules = inventory.prometheus_metrics(), rules

    def problems(self, tree):
        self._problems = Problems()
        self._labels(tree)
        return self._problems.found

    def _labels(self, node):
        """{label: Field} of the result."""
        reader = {"VectorSelector": self._selector, "AggregateExpr": self._aggregate, "BinaryExpr": self._binary,
                  "FunctionCall": self._call}.get(node.name)
        if reader:
            return reader(node)
        found = [self._labels(child) for child in node.children]
        return next((labels for labels in found if labels is not None), None)

    def _selector(self, node):
        matchers = [(label.text if label.name == "LabelName" else string(label), operator.text, string(text))
                    for matcher in node.all("UnquotedLabelMatcher", "QuotedLabelMatcher")
                    for label, operator, text in [matcher.children]]
        name = node.child("Identifier")
        names = [name.text] if name else [text for label, operator, text in matchers if (label, operator) == ("__name__", "=")]
        if not names:
            self._problems.add(f"the selector {node.text} names no metric")
            return {}
        labels = self._labels_of(names[0])
        for label, operator, text in matchers:
            if label != "__name__" and self._known(label, labels, f" of {names[0]}"):
                self._problems.value(label, operator, text, labels[label])
        return labels

    def _labels_of(self, metric):
        if metric in self._rules:
            tree, added = self._rules[metric]
            labels = self._labels(tree)
            return labels | {name: inventory.Field(frozenset({inventory.TEXT})) for name in added}
        if metric not in self._metrics:
            self._problems.unknown("metric", metric, [*self._metrics, *self._rules])
            return AnyLabel()
        return self._metrics[metric]

    def _known(self, label, labels, where=" here"):
        if label in DEPEND_ON_THE_WAY:
            self._problems.add(f"do not select by {label}: {DEPEND_ON_THE_WAY[label]}")
        elif label not in labels:
            self._problems.unknown("label", label, labels, where)
        return label in labels

    def _group(self, names, labels):
        return {name: labels[name] for name in names if self._known(name, labels)}

    def _aggregate(self, node):
        labels = self._labels(node.child("FunctionCallBody"))
        labels = {} if labels is None else labels
        modifier = node.child("AggregateModifier")
        names = [each.text for each in modifier.all("LabelName")] if modifier else []
        if node.child("AggregateOp").text in KEEP_LABELS:
            self._group(names, labels)
            return labels
        if modifier and modifier.child("Without"):
            return {name: field for name, field in labels.items() if name not in self._group(names, labels)}
        added = [string(node.all("StringLiteral")[0])] if node.child("AggregateOp").text == "count_values" else []
        return self._group(names, labels) | {name: inventory.Field(frozenset({inventory.NUMBER})) for name in added}

    def _call(self, node):
        function = node.child("FunctionIdentifier").children[0].name
        body = node.child("FunctionCallBody")
        labels = self._labels(body) if body else None
        if function in FIRST_VALUE_IS_MISSED:
            for name in body.all("Identifier"):
                rule = f"{name.text.removesuffix('_total')}:increase1m"
                if rule in self._rules:
                    self._problems.add(f"{function.lower()}() misses the first value of {name.text}: write sum_over_time({rule}[...])")
        if function in WITHOUT_LABELS:
            return None if function in ("Scalar", "Time", "Pi") else {}
        if function in ("LabelReplace", "LabelJoin"):
            texts = [string(each) for each in body.of("StringLiteral")]
            for source in (texts[2:3] if function == "LabelReplace" else texts[2:]):
                self._known(source, labels)
            return labels | {texts[0]: inventory.Field(frozenset({inventory.TEXT}))}
        return labels

    def _binary(self, node):
        sides = [self._labels(node.children[0]), self._labels(node.children[-1])]
        if None in sides:
            return sides[0] if sides[1] is None else sides[1]
        left, right = sides
        clause = node.child("MatchingModifierClause")
        lists = [[each.text for each in labels.of("LabelName")] for labels in clause.of("GroupingLabels")] if clause else []
        if node.child("Or"):
            return left | right
        if clause and clause.child("On"):
            for labels in sides:
                self._group(lists[0], labels)
            matched = set(lists[0])
        else:
            ignored = set(lists[0]) if clause and clause.child("Ignoring") else set()
            matched = (left.keys() | right.keys()) - ignored
            if different := sorted((left.keys() ^ right.keys()) - ignored):
                self._problems.add(f"only one side of {node.children[1].text} has {', '.join(different)}: write on (...)")
        if any(node.child(each) for each in SET_OPERATORS):
            return left
        many, one = (right, left) if clause and clause.child("GroupRight") else (left, right)
        if clause and clause.child("GroupLeft", "GroupRight"):
            return many | self._group(lists[1] if len(lists) > 1 else [], one)
        return {name: field for name, field in left.items() if name in matched}
