"""Every fault there is."""

from soak.faults import upstream

ALL = [*upstream.FAULTS]
