"""Helpers that read the output of `ostiary plan --json`."""


def destinations(plan):
    return {(rule["host"], int(rule["ports"])) for rule in plan["rules"] if rule["reason"].startswith("telemetry")}
