"""Says what is wrong with queries in PromQL, LogQL and TraceQL:
- their grammar, by the parsers of Prometheus and Grafana that tests/observability/build installs, and PromQL by promtool too;
- metrics, labels, fields and values that container/stack/inventory.json does not have, or not there;
- what is correct and finds nothing with this stack, such as `| json`.

    problems([("logql", '{service_name="claude-code"} | event_name="api_eror"')])

From a shell, in tests/: python3 -m support.queries logql '{service_name="claude-code"} | event_name="api_eror"'
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from support.inventory import recorded
from support.project import ROOT
from support.queries import logql, promql, traceql
from support.queries.tree import Node

GRAMMAR = ROOT / "build" / "observability" / "grammar"
LANGUAGES = {"promql": promql.Checker, "logql": logql.Checker, "traceql": traceql.Checker}
VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::\w+)?\}|([A-Za-z_]\w*))")


def problems(queries, variables=None):
    """A list of texts for each (language, query). `variables` are values of Grafana's variables; others are any text."""
    queries = [(language, without_variables(query, variables or {})) for language, query in queries]
    rules = {name: (expression, labels) for name, (expression, labels) in recorded().items()}
    trees = parsed(queries + [("promql", expression) for expression, _ in rules.values()])
    rule_trees = {name: (tree, labels) for (name, (_, labels)), tree in zip(rules.items(), trees[len(queries):])}
    checkers = {language: checker(rule_trees) if language == "promql" else checker() for language, checker in LANGUAGES.items()}
    by_promtool = iter(promtool([query for language, query in queries if language == "promql"]))
    found = []
    for (language, query), tree in zip(queries, trees):
        of_promtool = next(by_promtool) if language == "promql" else []
        found.append(grammar_problems(tree, query) or of_promtool or checkers[language].problems(tree))
    return found


def without_variables(query, variables):
    """The query with values for Grafana's variables. $1 is none: label_replace has it."""
    def value(match):
        name = match[1] or match[2]
        if name in variables:
            return variables[name]
        if not name.startswith("__"):
            return ".*"
        return "300" if name.endswith("_s") else "300000" if name.endswith("_ms") else "5m"
    return VARIABLE.sub(value, query)


def parsed(queries):
    done = subprocess.run(["node", GRAMMAR / "parse.mjs"], input=json.dumps(queries), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [Node(tree, query) for tree, (_, query) in zip(json.loads(done.stdout), queries)]


def grammar_problems(tree, query):
    errors = [node for node in tree.all() if node.is_error]
    if not errors:
        return []
    at = errors[0].begin
    return [f"not valid at character {at + 1}: {query[at:at + 30] or 'the end'}"]


def promtool(expressions):
    """What the parser of a real Prometheus says of each."""
    if not expressions:
        return []
    groups = [{"name": "q", "rules": [{"record": f"query{number}", "expr": expression}
                                      for number, expression in enumerate(expressions)]}]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rules.yaml"
        path.write_text(json.dumps({"groups": groups}))
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    found = [re.findall(rf'"query{number}": (?:could not parse expression: )?(.*)', said) for number in range(len(expressions))]
    assert done.returncode == 0 or any(found), said
    return found
