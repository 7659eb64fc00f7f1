"""Scripts for a container's agent, and functions that read their output and the boot's."""

import re


def connection_attempts(*attempts):
    """A bash script that tries to connect to each (label, host, port), and prints for each: LABEL
    reached|not SECONDS."""
    return """
attempt() {
  local begin=$EPOCHREALTIME said=not
  if (exec 3<>"/dev/tcp/$2/$3") 2>/dev/null; then said=reached; fi
  printf '%s %s %d.%06d\\n' "$1" "$said" $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000000)) \\
    $(((${EPOCHREALTIME/./} - ${begin/./}) % 1000000))
}
""" + "".join(f"attempt {label} {host} {port}\n" for label, host, port in attempts)


def outcomes_in(text):
    """{label: whether it was reached}, from the output of such a script."""
    return {label: said == "reached" for label, said in re.findall(r"^(\S+) (reached|not) [\d.]+$", text, re.M)}


def boot_of(done):
    """The numbers of attempts of the self-test, and of those that were held. There must have been
    a self-test."""
    found = re.search(r"self-test: (\d+) attempts to get out: (\d+) held", done.stderr)
    assert found, done
    return int(found[1]), int(found[2])
