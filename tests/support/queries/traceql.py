"""Checks the attributes of TraceQL."""

from support import inventory
from support.inventory import BOOL, NUMBER, TEXT
from support.queries.tree import Problems, named, string

NAMES = ("name", "span:name")
TYPES = {"String": TEXT, "Integer": NUMBER, "Float": NUMBER}
BOOLS = ("true", "false")
NO_TYPE = ("nil",)


class Checker:
    def __init__(self):
        self._services = {name: service for name, service in inventory.services().items() if service.spans}
        self._spans = {name: fields for service in self._services.values() for name, fields in service.spans.items()}
        self._events = inventory.merged(*(fields for service in self._services.values()
                                          for fields in service.span_events.values()))
        self._resource = inventory.merged(*(service.resource for service in self._services.values()))

    def problems(self, tree):
        self._problems = Problems()
        named_in_all = set()
        for spanset in tree.all("SpansetFilter"):
            expression = spanset.child("FieldExpression")
            spans = self._pinned(expression) if expression else None
            for name in sorted((spans or set()) - self._spans.keys()):
                self._problems.unknown("span", name, self._spans)
            spans = (spans or set(self._spans)) & self._spans.keys() or set(self._spans)
            named_in_all |= spans
            if expression:
                self._expression(expression, spans)
        for operation in tree.all("SelectOperation", "GroupOperation", "Aggregate", "MetricsExpression"):
            for attribute in operation.all("AttributeField"):
                self._field(attribute, named_in_all or set(self._spans))
        return self._problems.found

    def _pinned(self, node):
        """The spans that an expression names, or None."""
        operands = node.of("FieldExpression")
        if len(operands) == 1:
            return self._pinned(operands[0])
        if len(operands) != 2:
            return None
        operator = node.child("FieldOp")
        if operator:
            intrinsic, text = operands[0].child("IntrinsicField"), operands[1].child("Static")
            if intrinsic and intrinsic.text in NAMES and operator.text in ("=", "=~") and text and text.child("String"):
                names = named(operator.text, string(text.child("String")))
                return set(names) if names else None
            return None
        found = [self._pinned(each) for each in operands]
        if node.child("Or"):
            return None if None in found else found[0] | found[1]
        found = [names for names in found if names is not None]
        return set.intersection(*found) if found else None

    def _expression(self, node, spans):
        operands = node.of("FieldExpression")
        for operand in operands:
            self._expression(operand, spans)
        attribute = node.child("AttributeField")
        if attribute:
            self._field(attribute, spans)
        operator = node.child("FieldOp")
        if operator and len(operands) == 2:
            attribute, static = operands[0].child("AttributeField"), operands[1].child("Static")
            if attribute and static:
                self._comparison(attribute, operator.text, static, spans)

    def _fields(self, attribute, spans):
        if attribute.child("Resource"):
            return self._resource
        if attribute.child("Event"):
            return self._events
        if attribute.child("Span"):
            return inventory.merged(*(self._spans[name] for name in sorted(spans)))
        return None

    def _field(self, attribute, spans):
        name, fields = _name(attribute), self._fields(attribute, spans)
        where = f" of {' and '.join(sorted(spans))}" if attribute.child("Span") and len(spans) < 3 else ""
        if fields is None:
            self._problems.add(f"say where {name} is: write span.{name} or resource.{name}")
        elif name not in fields:
            self._problems.unknown("attribute", name, fields, where)

    def _comparison(self, attribute, operator, static, spans):
        name, fields = _name(attribute), self._fields(attribute, spans) or {}
        if name not in fields or static.text in NO_TYPE:
            return
        literal = static.children[0] if static.children else static
        kind = BOOL if literal.text in BOOLS else TYPES.get(literal.name, literal.name.lower())
        if kind not in fields[name].types:
            self._problems.add(f"{name} is a {' or '.join(sorted(fields[name].types))}, and {literal.text} is a {kind}")
        elif kind == TEXT:
            self._problems.value(name, operator, string(literal), fields[name])


def _name(attribute):
    text = attribute.child("Identifier").text
    return text[1:-1] if text.startswith('"') else text
