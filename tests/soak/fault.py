"""The interface of a fault. A fault affects a container or the upstream, reverts itself, and
reports its effects."""


class NoEffect(Exception):
    """The fault could not be injected, or showed no effect. The text is the reason."""


class Fault:
    name = ""

    def inject(self, soak, rng, seconds):
        """Injects the fault, waits up to `seconds`, reverts it, and returns the observed effects,
        as numbers by name.

        Raises NoEffect if nothing shows that the fault occurred.
        """
        raise NotImplementedError


def prove(seen, why):
    if not seen:
        raise NoEffect(why)
