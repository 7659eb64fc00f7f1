"""A syntax tree of Grafana's and Prometheus' parsers."""

import difflib


class Node:
    def __init__(self, tree, query):
        self.name, self.begin, end, self.is_error, children = tree
        self.text = query[self.begin:end]
        self.children = [Node(child, query) for child in children]

    def child(self, *names):
        return next((child for child in self.children if child.name in names), None)

    def of(self, *names):
        """Its children of these names."""
        return [child for child in self.children if child.name in names]

    def all(self, *names):
        """Itself and all below it, of these names if there are any, in the order of the text."""
        found = [self] if not names or self.name in names else []
        return found + [node for child in self.children for node in child.all(*names)]


def string(node):
    """The value of a text in quotes."""
    quoted = node.text
    return quoted[1:-1] if quoted[0] == "`" else quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def alternatives(pattern):
    """The texts that a regular expression names, or None if it has others than `|`."""
    found = pattern.removeprefix("(").removesuffix(")").split("|")
    return found if all(all(c.isalnum() or c in "_-:/" for c in each.replace("\\.", "").replace(".", "")) and each
                        for each in found) else None


def named(operator, text):
    """The values that a comparison with = or =~ names, or None."""
    if operator in ("=", "!="):
        return [text]
    found = alternatives(text)
    return [each.replace("\\.", ".") for each in found] if found else None


class Problems:
    """Collects what is wrong, each once."""

    def __init__(self):
        self.found = []

    def add(self, text):
        if text not in self.found:
            self.found.append(text)

    def unknown(self, what, name, known, where=""):
        close = difflib.get_close_matches(name, known, 1)
        hint = f": write {close[0]}" if close else f": it is one of {', '.join(sorted(known))}" if len(known) < 12 else ""
        self.add(f"there is no {what} {name}{where}{hint}")

    def value(self, name, operator, text, field):
        """Whether the field can have this value."""
        if not field.values or not text:
            return
        for each in named(operator, text) or []:
            if each not in field.values:
                self.unknown(f"value of {name}", each, field.values)
