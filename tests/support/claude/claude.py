"""Claude Code under ostiary in a container, as tests use it."""

import contextlib
import json
import os

from support.podman.container import containers
from support.podman.images import Image
from support.podman.podman import BUILD_PATIENCE

AUTHORITY = "/etc/ssl/stand-in.pem"
USER = 1000  # the agent's user in the image
HOME = "/home/agent"
ENVIRONMENT = {
    "OSTIARY_AUDIT_OTLP": "off",  # ostiary's own telemetry has tests of its own
    "ANTHROPIC_API_KEY": "sk-ant-stand-in",
    "NODE_EXTRA_CA_CERTS": AUTHORITY,
}
# Tools with which an agent would try to get out.
TOOLS = """\
FROM {base}
RUN apt-get update && apt-get install --yes --no-install-recommends curl nftables && rm -rf /var/lib/apt/lists/*
"""


def image_with_tools(images, podman, context, version=None):
    """The image of container/Dockerfile with Claude Code, of its own version or another, and the tools. `context` is
    an empty directory."""
    claude = images.build("claude", arguments=(f"CLAUDE_CODE_VERSION={version}",) if version else ())
    (context / "Dockerfile").write_text(TOOLS.format(base=claude.name))
    name = f"localhost/ostiary-test-claude-with-tools:{version or 'latest'}"
    podman.command("build", "--isolation", "chroot", "--network", "host", "--pull=never", "--layers", "--tag", name,
                   context, timeout=BUILD_PATIENCE)
    return Image(name, claude.base)


@contextlib.contextmanager
def a_claude(internet, image, podman, directory):
    with containers(podman) as start:
        made = Claude(internet, image, start, directory)
        try:
            yield made
        finally:
            made.end()


class Claude:
    """Each run is a new container. The project in /work and the user's settings stay."""

    def __init__(self, internet, image, start_container, directory):
        self.internet, self._image, self._start_container = internet, image, start_container
        self.work, self._settings = directory / "work", directory / "settings"
        for each in (self.work, self._settings):
            each.mkdir()
            os.chown(each, USER, USER)
        self._links = []

    def run(self, *script, **how):
        """Runs claude -p under ostiary while the API plays this script, and waits for its end."""
        return self.start(*script, **how).wait()

    def start(self, *script, prompt="go on", env={}, flags=("--allowedTools", "Bash"), interactive=False):
        """Starts claude -p, or a session in a terminal that begins with the prompt and does not end by itself."""
        link = self.internet.attach((4,))
        self._links.append(link)
        self.internet.start_over(*script)
        mounts = {"/work": self.work, f"{HOME}/.claude": self._settings,
                  AUTHORITY: self.internet.authority.certificate}
        options = [word for inside, outside in mounts.items() for word in ("--volume", f"{outside}:{inside}")]
        words = ["claude", *([] if interactive else ["-p"]), prompt, *flags]
        terminal = ["--tty"] if interactive else []
        self.container = self._start_container(self._image, *words, network=link, env=ENVIRONMENT | env,
                                               options=[*options, *terminal])
        return self.container

    def project_settings(self, settings):
        """Writes settings of the project in the work directory."""
        (self.work / ".claude").mkdir()
        (self.work / ".claude/settings.json").write_text(json.dumps(settings))

    def user_settings(self, settings):
        """Writes settings in the agent's home."""
        (self._settings / "settings.json").write_text(json.dumps(settings))

    def end(self):
        for link in self._links:
            self.internet.detach(link)
