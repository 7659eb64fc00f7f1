"""The machine's configuration for downloading packages, for use in builds: proxies, certificates,
options."""

import os
import re
import subprocess
from pathlib import Path


def apt_options():
    """The options of apt that concern downloads."""
    return subprocess.run(["apt-config", "dump", "--no-empty", "--format", '%f "%v";%n', "Acquire"],
                          capture_output=True, text=True, check=True).stdout


def npmrc():
    """The configuration of npm, with the certificates that Node trusts."""
    own = Path.home() / ".npmrc"
    text = own.read_text() if own.exists() else ""
    authorities = os.environ.get("NODE_EXTRA_CA_CERTS")
    if authorities:
        bundle = Path(authorities).read_text()
        for certificate in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", bundle, re.S):
            text += '\nca[]="{}"'.format(certificate.replace("\n", "\\n"))
    return text + "\n"
