"""How this machine fetches packages, for the builds in it: proxies, mirrors' certificates, options."""

import os
import re
import subprocess
from pathlib import Path


def apt_options():
    """apt's own, of all that is set about fetching."""
    return subprocess.run(["apt-config", "dump", "--no-empty", "--format", '%f "%v";%n', "Acquire"],
                          capture_output=True, text=True, check=True).stdout


def npmrc():
    """npm's, with the certificates that Node is told to trust."""
    own = Path.home() / ".npmrc"
    text = own.read_text() if own.exists() else ""
    authorities = os.environ.get("NODE_EXTRA_CA_CERTS")
    if authorities:
        bundle = Path(authorities).read_text()
        for certificate in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", bundle, re.S):
            text += '\nca[]="{}"'.format(certificate.replace("\n", "\\n"))
    return text + "\n"
