"""The settings of each round of a hunt."""

from hunt.round import Settings

ROUNDS = 16  # then they repeat
# One digit for each round; 1 is yes, root, or exec. In user scope, in the odd rounds, no agent is root and
# there is no container inside. Any eight rounds in a row have every pair of values of two settings:
# tests/system/test_the_hunts_schedule.py
ROOT = "0010101000101010"
FLUSHES = "0100011100100011"
INSIDE = "1010001010100010"
EXEC = "0001011010001111"
RELAY = "1001101110011001"
NAMES = "0100111000011110"
UNTRACKED = (6, 8)  # rounds in which the kernel does not track IPv6


def settings(wanted, number):
    """`wanted`: the options of the command line."""
    turn = number % ROUNDS
    scope = wanted.scope or ("container", "user")[turn % 2]
    is_yes = lambda option, turns: turns[turn] == "1" if option is None else option == "yes"
    return Settings(scope=scope,
                    who="user" if scope == "user" else wanted.who or ("user", "root")[int(ROOT[turn])],
                    flushes=is_yes(wanted.flushes, FLUSHES),
                    inside=scope == "container" and is_yes(wanted.inside, INSIDE),
                    by=wanted.by or ("run", "exec")[int(EXEC[turn])],
                    relay=is_yes(wanted.relay, RELAY),
                    names=is_yes(wanted.names, NAMES),
                    tracking="both" if scope == "user" else wanted.tracking or ("ipv4" if turn in UNTRACKED else "both"),
                    quiet=wanted.quiet,
                    workers=wanted.workers,
                    without=[word for word in wanted.without.split(",") if word])
