"""Sessions of the real Claude Code under ostiary, through the collector of container/stack, in the real Prometheus, VictoriaLogs and
Jaeger: its records, its trace and its metrics are there, and the sum of what its counters grew by is what the session says that it
cost, whether it sends delta or cumulative metrics. container/stack/stack asks these stores."""

import json
import subprocess
import sys
import time

import pytest

from observability.sessions import CONTENT, PROMPT, claude_container, claude_internet  # noqa: F401
from support.claude import api
from support.relayed import AT, COLLECTOR
from support.stack import STACK
from support.stack_stores import PORTS, Stores, missing
from support.waiting import eventually
