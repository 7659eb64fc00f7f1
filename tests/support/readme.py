"""Commands that the README shows."""

import re
import subprocess

from support.project import ROOT

README = (ROOT / "README.md").read_text()


def listed(container, kind):
    """The output of the README's jq command for a kind of denials."""
    programs = re.findall(r"^    sudo jq -r '(.*)' /var/log/ostiary/audit.jsonl$", README, re.M)
    program, = [each for each in programs if f'"{kind}"' in each]
    return subprocess.run(["jq", "-r", program, container.at("/var/log/ostiary/audit.jsonl")], capture_output=True, text=True,
                          check=True).stdout
