"""Claude Code under ostiary in a container, as tests use it."""

import json
import os

AUTHORITY = "/etc/ssl/stand-in.pem"
USER = 1000  # the agent's user in the image
HOME = "/home/agent"
ENVIRONMENT = {
    "ANTHROPIC_API_KEY": "sk-ant-stand-in",
    "NODE_EXTRA_CA_CERTS": AUTHORITY,
}


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

    def start(self, *script, prompt="go on", env={}, flags=("--allowedTools", "Bash")):
        link = self.internet.attach((4,))
        self._links.append(link)
        self.internet.start_over(*script)
        mounts = {"/work": self.work, f"{HOME}/.claude": self._settings,
                  AUTHORITY: self.internet.authority.certificate}
        options = [word for inside, outside in mounts.items() for word in ("--volume", f"{outside}:{inside}")]
        self.container = self._start_container(self._image, "claude", "-p", prompt, *flags, network=link,
                                               env=ENVIRONMENT | env, options=options)
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
