"""Checks the fields of LogQL. Only service_name is a label of Loki's index; all other fields are structured metadata."""

import re

from support import inventory
from support.inventory import NUMBER, TEXT, Field
from support.queries.tree import Problems, named, string

INDEX = ("service_name",)
STAGES = ("PipelineStage", "UnwrapExpr")
ERRORS = ("__error__", "__error_details__")
OTHERS = {name: Field(frozenset({TEXT})) for name in (*inventory.OF_LOKI, *ERRORS)}
PARSERS = ("LabelParser", "JsonExpressionParser", "LogfmtParser", "LogfmtExpressionParser")
# What Loki asks of an aggregation over time.
NEED_UNWRAP = ("AvgOverTime", "SumOverTime", "MaxOverTime", "MinOverTime", "StddevOverTime", "StdvarOverTime", "QuantileOverTime",
               "FirstOverTime", "LastOverTime", "RateCounter")
NO_UNWRAP = ("CountOverTime", "BytesOverTime", "BytesRate")
MAY_GROUP = ("AvgOverTime", "MaxOverTime", "MinOverTime", "StddevOverTime", "StdvarOverTime", "QuantileOverTime", "FirstOverTime",
             "LastOverTime")
KEEP_LABELS = ("Topk", "Bottomk", "Sort", "Sort_Desc", "Approx_Topk")


class Checker:
    def __init__(self):
        self._services = inventory.services()

    def problems(self, tree):
        self._problems = Problems()
        self._summed = [range for sum in tree.all("VectorAggregationExpr") if sum.child("VectorOp").child("Sum")
                        for range in sum.child("MetricExpr").of("RangeAggregationExpr")]
        self._labels(tree)
        return self._problems.found

    def _labels(self, node):
        """{label: Field} of the result, None for a scalar."""
        reader = {"LogExpr": self._pipeline, "LogRangeExpr": self._pipeline, "RangeAggregationExpr": self._over_time,
                  "VectorAggregationExpr": self._aggregate, "BinOpExpr": self._binary,
                  "LabelReplaceExpr": self._label_replace}.get(node.name)
        if reader:
            return reader(node)
        found = [self._labels(child) for child in node.children]
        return next((labels for labels in found if labels is not None), None)

    # Records ----------------------------------------------------------------------------------------------------------

    def _pipeline(self, node):
        services = self._selected(node.child("Selector"))
        stages = [each for each in node.all(*STAGES)]
        events = self._events(services, stages)
        where = f" of {' and '.join(sorted(events))}" if len(events) < 4 else ""
        fields = OTHERS | inventory.labels(inventory.merged(
            *(self._services[service].resource for service in services),
            *(self._services[service].events[event] for service in services for event in events
              if event in self._services[service].events)))
        self._line_is_formatted = False
        for stage in stages:
            fields = self._after(stage, fields, where, services)
        return fields

    def _selected(self, selector):
        services = set(self._services)
        for matcher in selector.all("Matcher"):
            label, operator, text = matcher.children
            if label.text not in INDEX:
                self._problems.add(f"{label.text} is no label of the index: write {{...}} | {matcher.text}")
            elif operator.text in ("=", "=~"):
                services &= set(names := named(operator.text, string(text)) or services)
                for name in names:
                    if name not in self._services:
                        self._problems.unknown("service", name, self._services)
        return services or set(self._services)

    def _events(self, services, stages):
        """The events that the filters leave."""
        known = {event for service in services for event in self._services[service].events}
        left = set(known)
        for stage in stages:
            for filter in stage.of("LabelFilter"):
                names = self._pinned(filter)
                for name in (names or ()) - known if names else ():
                    self._problems.unknown("event", name, known)
                left &= names if names is not None else left
        return left or known

    def _pinned(self, node):
        """The events that a filter names, or None."""
        if matcher := node.child("Matcher"):
            label, operator, text = matcher.children
            names = named(operator.text, string(text)) if label.text == "event_name" and operator.text in ("=", "=~") else None
            return None if names is None else set(names)
        found = [self._pinned(child) for child in node.of("LabelFilter")]
        if node.child("Or"):
            return None if None in found else set().union(*found)
        found = [names for names in found if names is not None]
        return set.intersection(*found) if found else None

    def _after(self, stage, fields, where, services):
        """The fields behind a stage."""
        def known(name):
            if name not in fields:
                self._problems.unknown("field", name, fields, where)
            return name in fields

        if stage.name == "UnwrapExpr":
            self._unwrap(stage, fields, known)
            return fields
        what = next(child for child in stage.children if child.name != "Pipe")
        if what.name == "LabelFilter":
            self._filter(what, fields, known)
        elif what.name == "LineFilters":
            if not self._line_is_formatted and "ostiary" not in services:
                self._problems.add(f"the line of Claude Code's records is only their name: {what.text} finds nothing else; "
                                   "filter a field")
        elif what.name in PARSERS:
            return fields | self._parsed(what)
        elif what.name == "LineFormatExpr":
            self._template(what.child("String"), known)
            self._line_is_formatted = True
        elif what.name == "LabelFormatExpr":
            return fields | self._formatted(what, fields, known)
        elif what.name in ("DropLabelsExpr", "KeepLabelsExpr"):
            names = [each.text for each in what.all("Identifier")]
            for name in names:
                known(name)
            drop = what.name == "DropLabelsExpr" and not what.all("Matcher")
            return {name: field for name, field in fields.items() if (name in names) != drop} if drop or \
                what.name == "KeepLabelsExpr" else fields
        return fields

    def _filter(self, node, fields, known):
        for matcher in node.all("Matcher"):
            label, operator, text = matcher.children
            # The events that = and =~ name have been looked up.
            if known(label.text) and (label.text != "event_name" or operator.text.startswith("!")):
                self._problems.value(label.text, operator.text, string(text), fields[label.text])
        for filter in node.all("NumberFilter", "DurationFilter", "BytesFilter"):
            name = filter.child("Identifier").text
            if known(name) and NUMBER not in fields[name].types:
                self._problems.add(f"{name} is a text: {filter.text} compares numbers")
            elif filter.name == "DurationFilter" and name in fields:
                self._problems.add(f"{name} is a number without a unit: write a number in {filter.text}")

    def _unwrap(self, stage, fields, known):
        name = next(child for child in stage.children if child.name == "Identifier").text
        if known(name) and NUMBER not in fields[name].types:
            self._problems.add(f"{name} is a text: it cannot be unwrapped")
        if stage.all("DurationConv", "DurationSecondsConv", "BytesConv"):
            self._problems.add(f"{name} is a number without a unit: write unwrap {name}")
        for filter in stage.of("LabelFilter"):
            self._filter(filter, fields, known)

    def _parsed(self, parser):
        if not self._line_is_formatted:
            self._problems.add(f"the line has no fields: leave out | {parser.text}, fields are structured metadata")
        elif parser.name not in ("JsonExpressionParser", "LogfmtExpressionParser"):
            self._problems.add(f"name the fields that | {parser.text} is to find")
        return {each.child("Identifier").text: Field(frozenset({TEXT, NUMBER})) for each in parser.all("LabelExtractionExpression")}

    def _formatted(self, node, fields, known):
        made = {}
        for each in node.all("LabelFormatMatcher"):
            target, _, source = each.children
            if source.name == "Identifier":
                made[target.text] = fields[source.text] if known(source.text) else Field(frozenset({TEXT}))
            else:
                self._template(source, known)
                made[target.text] = Field(frozenset({TEXT, NUMBER}))
        return made

    def _template(self, text, known):
        """The fields of a template of Go: {{ .name }}."""
        for action in re.findall(r"\{\{(.*?)\}\}", string(text)):
            without_texts = re.sub(r'"(?:\\.|[^"])*"|`[^`]*`', "", action)
            for name in re.findall(r"(?<![\w)])\.(\w+)", without_texts):
                known(name)

    # Numbers ----------------------------------------------------------------------------------------------------------

    def _group(self, names, labels):
        for name in names:
            if name not in labels:
                self._problems.unknown("label", name, labels, " here")
        return {name: labels[name] for name in names if name in labels}

    def _over_time(self, node):
        function = node.child("RangeOp").children[0]
        unwrap = node.all("UnwrapExpr")
        if function.name in NEED_UNWRAP and not unwrap:
            self._problems.add(f"{function.text} needs a number: write | unwrap FIELD before the time")
        elif function.name in NO_UNWRAP and unwrap:
            self._problems.add(f"{function.text} counts records: leave out {unwrap[0].text}")
        if node.child("Grouping"):
            if function.name not in MAY_GROUP:
                self._problems.add(f"{function.text} cannot be grouped: write sum by (...) around it")
        elif node not in self._summed and not node.all("KeepLabelsExpr"):
            self._problems.add(f"{function.text} makes a series for each record: write sum by (...) around it"
                               + (", or by (...) behind it" if function.name in MAY_GROUP else ""))
        return self._aggregate(node)

    def _aggregate(self, node):
        labels = next((found for child in node.of("LogRangeExpr", "MetricExpr") if (found := self._labels(child)) is not None), {})
        grouping = node.child("Grouping")
        names = [each.text for each in grouping.all("Identifier")] if grouping else []
        chosen = self._group(names, labels)
        if node.name == "VectorAggregationExpr" and node.child("VectorOp").children[0].name in KEEP_LABELS:
            return labels
        if grouping and grouping.child("Without"):
            return {name: field for name, field in labels.items() if name not in names}
        return chosen if grouping or node.name == "VectorAggregationExpr" else labels

    def _binary(self, node):
        sides = [self._labels(side) for side in node.of("Expr")]
        if len(sides) < 2 or None in sides:
            return next((labels for labels in sides if labels is not None), None)
        modifier = node.child("BinOpModifier")
        matching = modifier.child("OnOrIgnoringModifier") if modifier else None
        names = [each.text for each in matching.all("LabelName")] if matching else []
        if node.child("Or"):
            return sides[0] | sides[1]
        if matching and matching.child("On"):
            for labels in sides:
                self._group(names, labels)
        elif different := sorted((sides[0].keys() ^ sides[1].keys()) - set(names)):
            self._problems.add(f"only one side of {node.children[1].text} has {', '.join(different)}: write on (...)")
        return sides[1] if modifier and modifier.child("GroupRight") else sides[0]

    def _label_replace(self, node):
        labels = self._labels(node.child("MetricExpr")) or {}
        texts = [string(each) for each in node.of("String")]
        self._group(texts[2:3], labels)
        return labels | {texts[0]: Field(frozenset({TEXT}))}
