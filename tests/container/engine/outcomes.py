"""What a container's agent tried, and what a boot said."""

import re


def visits(*attempts):
    """A script for bash that tries (label, host, port) and prints for each: LABEL reached|not SECONDS."""
    return """
visit() {
  local begin=$EPOCHREALTIME said=not
  if (exec 3<>"/dev/tcp/$2/$3") 2>/dev/null; then said=reached; fi
  printf '%s %s %d.%06d\\n' "$1" "$said" $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000000)) \\
    $(((${EPOCHREALTIME/./} - ${begin/./}) % 1000000))
}
""" + "".join(f"visit {label} {host} {port}\n" for label, host, port in attempts)


def outcomes_in(text):
    """{label: whether it was reached}, of what such a script printed."""
    return {label: said == "reached" for label, said in re.findall(r"^(\S+) (reached|not) [\d.]+$", text, re.M)}


def boot_of(done):
    """How many ways out the self-test tried, and how many were held; that there was one."""
    found = re.search(r"self-test: (\d+) attempts to get out: (\d+) held", done.stderr)
    assert found, done
    return int(found[1]), int(found[2])
