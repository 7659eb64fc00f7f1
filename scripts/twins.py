#!/usr/bin/python3
"""Finds functions in src/ and include/ that have the same shape over MIN_LINES lines or more: the
same tokens but for names, numbers and texts. A switch that only returns a text for each enumerator
is a table and does not count, nor does a function that only makes one value. Prints one line for each pair, and exits with status 1 if there is one.
"""

import collections
import pathlib
import re
import sys

MIN_LINES = 6  # braces included

KEYWORDS = frozenset("""auto bool break case catch char class const constexpr continue default delete do double else
    enum explicit false float for friend goto if inline int long mutable namespace new noexcept nullptr operator private
    protected public return short signed sizeof static static_assert struct switch template this throw true try typedef
    typename union unsigned using virtual void while TRY""".split())
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
TOKEN = re.compile(r"""
    (?P<text>R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<number>\d[\w.']*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<directive>^\s*\#[^\n]*)
  | (?P<mark>::|->|<<|>>|&&|\|\||[-+*/%&|^=!<>]=|\+\+|--|[^\s\w])
  | (?P<line>\n)""", re.VERBOSE | re.MULTILINE)


def tokens_of(text: str):
    """(line, token, its shape) for each token. The shape of a name is its kind alone."""
    line = 1
    # Keep the newlines of comments, so that the line numbers stay right.
    for match in TOKEN.finditer(COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)):
        kind, token = match.lastgroup, match[0]
        if kind not in ("line", "directive"):
            yield line, token, kind if kind in ("text", "number") or kind == "name" and token not in KEYWORDS else token
        line += token.count("\n")


def functions(path: pathlib.Path):
    """(name, line, number of lines, shape) for each function body of a file."""
    tokens = list(tokens_of(path.read_text()))
    at = 0
    while at < len(tokens):
        if tokens[at][1] != "{" or not begins_function(tokens, at):
            at += 1
            continue
        depth, end = 0, at
        while end < len(tokens):
            depth += {"{": 1, "}": -1}.get(tokens[end][1], 0)
            if depth == 0:
                break
            end += 1
        body = tokens[at : end + 1]
        yield name_before(tokens, at), tokens[at][0], body[-1][0] - body[0][0] + 1, tuple(shape for _, _, shape in body)
        at = end + 1


def begins_function(tokens, at: int) -> bool:
    """Whether the brace at this place follows a list of parameters."""
    back = at - 1
    while back >= 0 and tokens[back][1] in ("const", "noexcept", "override", "final", "&"):
        back -= 1
    return back >= 0 and tokens[back][1] == ")"


def name_before(tokens, at: int) -> str:
    """The name in front of the list of parameters that ends before the brace."""
    depth = 0
    for back in range(at - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(tokens[back][1], 0)
        if tokens[back][1] == "(" and depth == 0:
            return tokens[back - 1][1]
    return "?"


def is_table(shape) -> bool:
    names_of_values = "switch" in shape and shape.count("case") == shape.count("return") - 1
    one_value = shape.count(";") <= 2 and shape.count("return") == 1
    return names_of_values or one_value


def main() -> int:
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    by_shape = collections.defaultdict(list)
    for top in ("src", "include"):
        for path in sorted(pathlib.Path(top).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            for name, line, lines, shape in functions(path):
                if lines >= MIN_LINES and not is_table(shape):
                    by_shape[shape].append((path, line, name))
    found = 0
    for places in by_shape.values():
        first, *others = places
        for other in others:
            found += 1
            print("{}:{} {}() ~ {}:{} {}()".format(*first, *other), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
