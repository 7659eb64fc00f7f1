"""A kernel that does not track IPv6 connections, simulated by a table that exempts them."""

UNTRACKED_IPV6 = """table ip6 untracked {
    chain out { type filter hook output priority raw; notrack; }
    chain in { type filter hook prerouting priority raw; notrack; }
}
"""
