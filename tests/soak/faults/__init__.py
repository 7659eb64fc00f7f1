"""The list of all faults."""

from soak.faults import clock, descriptors, journal, kernel, memory, tampering, upstream

ALL = [*upstream.FAULTS, *tampering.FAULTS, *kernel.FAULTS, *journal.FAULTS, *descriptors.FAULTS, *clock.FAULTS,
       *memory.FAULTS]
