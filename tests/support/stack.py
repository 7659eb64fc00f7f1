"""container/stack/compose.yaml as Compose reads it: what each service runs, with which environment."""

import re

import yaml

from support.project import ROOT

STACK = ROOT / "container" / "stack"
COMPOSE = STACK / "compose.yaml"
PROFILES = ("grafana", "apache")
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose(**settings):
    """The file with these settings in place of its variables."""
    text = VARIABLE.sub(lambda found: settings.get(found[1], found[2]), COMPOSE.read_text())
    assert "${" not in text, "a variable without a default"
    return yaml.safe_load(text)


def services(profile, **settings):
    """The services of a profile, by name."""
    return {name: service for name, service in compose(**settings)["services"].items() if profile in service["profiles"]}


def moved(values, places):
    """Lines of a command, or variables, with each place of the containers replaced by one of the tests."""
    if isinstance(values, dict):
        return {name: moved([value], places)[0] for name, value in values.items()}
    for inside, outside in places.items():
        values = [value.replace(inside, str(outside)) for value in values]
    return values
