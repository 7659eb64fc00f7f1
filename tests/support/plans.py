"""Helpers that read the output of `ostiary plan --json`."""


def destinations(plan):
    """Where telemetry may go: from the agent, by a rule, or from the relay."""
    by_rule = {(rule["host"], int(rule["ports"])) for rule in plan["rules"] if rule["reason"].startswith("telemetry")}
    return by_rule | {(each["host"], each["port"]) for each in (plan["relay"] or {"collectors": []})["collectors"]}
