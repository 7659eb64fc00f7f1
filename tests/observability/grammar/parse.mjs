// Reads a JSON list of [language, query] on standard input, and writes the list of their syntax trees: each node is
// [name, from, to, is an error, children].
import { readFileSync } from "node:fs";
import { parser as promql } from "@prometheus-io/lezer-promql";
import { parser as logql } from "@grafana/lezer-logql";
import { parser as traceql } from "@grafana/lezer-traceql";

const parsers = { promql, logql, traceql };

function tree(node) {
  const children = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(tree(child));
  return [node.name, node.from, node.to, node.type.isError, children];
}

const queries = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(queries.map(([language, query]) => tree(parsers[language].parse(query).topNode))));
