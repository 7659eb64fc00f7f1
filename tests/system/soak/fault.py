"""What every fault is: it happens to a house or to the upstream, undoes itself, and tells what was seen of it."""


class WithoutEffect(Exception):
    """Why a fault could not be made to happen, or was not seen to have happened."""


class Fault:
    name = ""

    def happen(self, soak, rng, seconds):
        """
        Injects, waits up to so long, undoes; what was seen, as numbers by name.
        Raises WithoutEffect where nothing shows that it happened.
        """
        raise NotImplementedError


def prove(seen, why):
    if not seen:
        raise WithoutEffect(why)
