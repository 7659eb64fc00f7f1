"""Reading what `ostiary plan --json` prints."""


def destinations(plan):
    return {(rule["host"], int(rule["ports"])) for rule in plan["rules"] if rule["reason"].startswith("telemetry")}
