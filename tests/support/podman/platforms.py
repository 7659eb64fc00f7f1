"""Translates the files of container/ to podman's options. An unknown setting is an error."""

import re

import yaml

from support.project import ROOT

CONTAINER = ROOT / "container"


def agent_image(images):
    """The target `claude` of container/Dockerfile without Claude Code, which these tests do not
    start."""
    ostiary = images.build("ostiary")
    text = (CONTAINER / "Dockerfile").read_text()
    stage = re.search(r"^FROM ostiary AS claude\n(.*?)(?=^FROM|\Z)", text, re.M | re.S)[1]
    lines = [line for line in stage.splitlines() if not line.startswith("COPY")]
    return images.derive("\n".join([f"FROM {ostiary.name}", *lines, ""]))


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def only(mapping, *known):
    """The mapping; fails if it has an unknown setting."""
    assert set(mapping) <= set(known), f"not translated: {set(mapping) - set(known)}"
    return mapping


# Compose ------------------------------------------------------------------------------------------

def compose(path, directory, options=()):
    """The options of `podman create` for the only service. Relative paths are relative to
    `directory`."""
    whole = only(yaml.safe_load(path.read_text()), "name", "services", "networks", "volumes", "secrets")
    (service,) = whole["services"].values()
    only(service, "build", "image", "cap_drop", "cap_add", "security_opt", "stdin_open", "tty", "stop_grace_period", "networks",
         "volumes", "secrets")
    words = ["--stop-timeout", service["stop_grace_period"].rstrip("s")]
    words += [word for name in service["cap_drop"] for word in ("--cap-drop", name)]
    words += [word for name in service["cap_add"] for word in ("--cap-add", name)]
    assert service["security_opt"] == ["no-new-privileges:true"]
    words += ["--security-opt", "no-new-privileges"]
    for volume in service.get("volumes", []):
        if only(volume, "type", "source", "target", "read_only")["type"] == "bind":
            words += ["--volume", f"{directory / volume['source']}:{volume['target']}{':ro' if volume.get('read_only') else ''}"]
        else:
            assert volume["source"] in whole["volumes"]
            words += ["--mount", f"type=volume,destination={volume['target']}"]
    for name in service["secrets"]:
        words += ["--volume", f"{directory / whole['secrets'][name]['file']}:/run/secrets/{name}:ro"]
    return words


def runner_image(images):
    """The image of container/self-hosted, on that of container/Dockerfile with Claude Code."""
    here = CONTAINER / "self-hosted"
    return images.derive((here / "Dockerfile").read_text(), here, claude=images.build("claude"))


# Kubernetes ---------------------------------------------------------------------------------------

def security(context, without=()):
    only(context, "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities")
    assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True
    # A runtime does not mount /run, /tmp and /var/tmp by itself, as podman does with --read-only.
    words = ["--security-opt", "no-new-privileges", "--read-only", "--read-only-tmpfs=false"]
    words += [word for name in context["capabilities"]["drop"] for word in ("--cap-drop", name)]
    return words + [word for name in context["capabilities"]["add"] if name not in without for word in ("--cap-add", name)]


class Pod:
    """A pod of one container, with its volumes below `directory`."""

    def __init__(self, path, directory, secrets, fields):
        config, self._pod = documents(path)
        spec = only(self._pod["spec"], "automountServiceAccountToken", "enableServiceLinks", "restartPolicy",
                    "terminationGracePeriodSeconds", "securityContext", "initContainers", "containers", "volumes")
        assert only(spec["securityContext"], "runAsUser", "seccompProfile") == {
            "runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}
        self._init, = spec["initContainers"]
        self._main, = spec["containers"]
        self._fields, self._directory = fields, directory
        for volume in spec["volumes"]:
            made = directory / volume["name"]
            made.mkdir(parents=True)
            made.chmod(0o777)
            if "configMap" in volume:
                assert volume["configMap"]["name"] == config["metadata"]["name"]
                made.chmod(0o755)
                for name, text in config["data"].items():
                    (made / name).write_text(text)
            elif "secret" in volume:
                for name, value in secrets.items():
                    (made / name).write_text(value)
                    (made / name).chmod(volume["secret"]["defaultMode"])
            else:
                assert volume["emptyDir"] == {}

    def init(self):
        """Options and command of the init container."""
        only(self._init, "name", "image", "command", "args", "securityContext", "volumeMounts")
        program, *rest = self._init["command"]
        return [*self._volumes(self._init), *security(self._init["securityContext"]), "--entrypoint", program], [
            *rest, *self._init["args"]]

    def main(self, without=()):
        """Options and command of the agent's container, `without` these capabilities."""
        only(self._main, "name", "image", "args", "env", "securityContext", "volumeMounts")
        words = [*self._volumes(self._main), *security(self._main["securityContext"], without)]
        words += ["--env", "KUBERNETES_SERVICE_HOST=10.96.0.1",
                  "--stop-timeout", str(self._pod["spec"]["terminationGracePeriodSeconds"])]
        for variable in self._main["env"]:
            value = variable.get("value") or self._fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
            words += ["--env", f"{variable['name']}={value}"]
        return words, self._main["args"]

    def _volumes(self, container):
        words = []
        for mount in container["volumeMounts"]:
            source = self._directory / only(mount, "name", "mountPath", "readOnly", "subPath")["name"] / mount.get("subPath", "")
            words += ["--volume", f"{source}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}"]
        return words
