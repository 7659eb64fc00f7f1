"""The demo's verdict: compares the audit with the stand-ins' records, and ends with status 0 if all
expectations hold. With --details it also prints what the audit says."""

import json
import pathlib
import sys

stage = pathlib.Path(sys.argv[1])
details = sys.argv[2:] == ["--details"]
BOOTS = {"user": "the agent is an ordinary user", "root": "the agent is root inside"}
MAY_BE_ASKED = {"packages.example.com", "api.anthropic.com", "collector.example.net", "inside.lab.example.com"}
MAY_BE_REACHED = {("198.51.100.10", 443), ("2001:db8:10::10", 443), ("198.51.100.30", 443), ("198.51.100.20", 4318)}
ATTRIBUTES = {"team": "blue whales", "deployment.environment": "demo", "service.name": "claude-code"}
ATTEMPTS = 19

failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def events_of(path):
    return [json.loads(line) for line in lines_of(path)]


def endpoint(event):
    address = f"[{event['address']}]" if ":" in event["address"] else event["address"]
    return f"{address}:{event['port']}" if "port" in event else address


def describe(event):
    """Describes a denial: what was denied, and why."""
    if event["kind"] == "name":
        reasons = {"no_rule": "no rule names it", "rebinding": "it resolves to a private address"}
        return f"{event.get('type', '')} {event.get('name', '')}".strip(), reasons.get(event["why"], event["why"])
    if event["kind"] == "packet":
        name = f", which is {event['name']}" if "name" in event else ""
        return f"{endpoint(event)}/{event['protocol']}{name}", "that address and port are not admitted"
    return "other denials", "too many at a time to list"


def show(title, rows):
    print(f"\n== {title}")
    width = max((len(row[0]) for row in rows), default=0)
    for what, why in rows:
        print(f"  {what:<{width}}  {why}")


def rows_of(events):
    """What a boot admitted, and what it refused to the agent and why."""
    admitted = {(event["name"], f"{endpoint(event)}/{event['protocol']}") for event in events if event["event"] == "admit"}
    refused = set()
    for event in events:
        # ff02: is the kernel's own neighbour discovery.
        if event["event"] == "deny" and event.get("by") != "self-test" and not event.get("address", "").startswith("ff02:"):
            refused.add(describe(event))
    return sorted(admitted), sorted(refused)


def show_boots(rows):
    """If the boots differ in nothing, shows the first alone."""
    same = all(each == rows["user"] for each in rows.values())
    for boot, (admitted, refused) in rows.items():
        if boot == "user" or not same:
            when = "in both boots" if same else f"when {BOOTS[boot]}"
            show(f"Allowed {when}", admitted)
            show(f"Refused {when}, besides the attempts of the self-test", refused)


def check_boot(boot, events):
    status = "".join(lines_of(stage / f"{boot}.status"))
    expect(status == "0", f"{boot}: ostiary ended with status {status}")
    phases = [event["phase"] for event in events if event["event"] == "phase"]
    expect(phases[:1] == [1] and phases[-1:] == [2], f"{boot}: the phases were {phases}")
    probes = [event for event in events if event["event"] == "probe"]
    held = [event for event in probes if event["outcome"] == "held"]
    expect(len(held) > 10, f"{boot}: the self-test held {len(held)} attempts")
    expect(not any(event["outcome"] == "got_out" for event in probes), f"{boot}: the self-test got out")
    denied = [event for event in events if event["event"] == "deny"]
    expect(any(event.get("name") == "unlisted.example.org" and event.get("why") == "no_rule" for event in denied),
           f"{boot}: the denied name is not in the audit")
    expect(any(event.get("why") == "rebinding" for event in denied), f"{boot}: the private address is not in the audit")
    for address in ("203.0.113.66", "2001:db8:66::66", "169.254.169.254"):
        expect(any(event.get("address") == address for event in denied), f"{boot}: {address} is not in the audit")
    expect("demo-token" not in "".join(lines_of(stage / f"{boot}.audit")), f"{boot}: the token is in the audit")


def check_attempts(boot):
    attempts = [line.split(" ", 2) for line in lines_of(stage / f"{boot}.attempts")]
    expect(len(attempts) == ATTEMPTS, f"{boot}: {len(attempts)} attempts instead of {ATTEMPTS}")
    for expected, came, what in attempts:
        expect(expected == came, f"{boot}: {what}: {came}")
    return attempts


def check_the_internet():
    seen = events_of(stage / "seen")
    questions = [event for event in seen if event["what"] == "question"]
    expect(all(event["server"] == "198.51.100.53" for event in questions), "a question went to 8.8.8.8")
    leaked = {event["name"] for event in questions} - MAY_BE_ASKED
    expect(not leaked, f"these names should not have left the container: {leaked}")
    reached = {(event["address"], event["port"]) for event in seen if event["what"] == "request"}
    expect(reached <= MAY_BE_REACHED, f"these hosts should not have been reached: {reached - MAY_BE_REACHED}")
    telemetry = [event for event in seen
                 if event["what"] == "telemetry" and event["attributes"].get("service.name") != "ostiary"]
    expect(len(telemetry) == len(BOOTS), f"telemetry arrived {len(telemetry)} times")
    for event in telemetry:
        expect(event["authorized"], "telemetry arrived without its token")
        expect(ATTRIBUTES.items() <= event["attributes"].items(), f"telemetry arrived with the attributes {event['attributes']}")
    stray_packets = "".join(lines_of(stage / "stray_packets"))
    expect(stray_packets == "0", f"{stray_packets or 'an unknown number of'} stray packets left the container")


def main():
    attempts, rows = [], {}
    for boot in BOOTS:
        events = events_of(stage / f"{boot}.audit")
        rows[boot] = rows_of(events)
        check_boot(boot, events)
        attempts += check_attempts(boot)
    check_the_internet()
    if details:
        show_boots(rows)
    if failures:
        print("\nThe demo FAILED:")
        for failure in failures:
            print(f"  {failure}")
        return 1
    worked = sum(came == "works" for _, came, _ in attempts)
    print(f"\nAll as expected: {worked} attempts worked, {len(attempts) - worked} were refused, "
          "no other packet left, telemetry arrived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
