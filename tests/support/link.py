"""Links between networks: veth pairs, and the network of one container, whose link leads to the
Internet."""

from support.network import NetworkNamespace

INSIDE = {4: ("10.9.9.1", "10.9.9.2", 24), 6: ("fd09::1", "fd09::2", 64)}


def add_veth(near, near_name, near_addresses, far, far_name, far_addresses, gateways=()):
    """Connects two networks. Each end gets addresses with a prefix length; the far network, also
    default routes through these gateways."""
    near.ip(f"link add {near_name} type veth peer name {far_name} netns {far.path}\n" + _bring_up(near_name, near_addresses))
    far.ip("link set lo up\n" + _bring_up(far_name, far_addresses) + "".join(map(_default_route, gateways)))


def _bring_up(name, addresses):
    return f"link set {name} up\n" + "".join(f"address add {address} dev {name}{' nodad' if ':' in address else ''}\n"
                                             for address in addresses)


def _default_route(gateway):
    return f"route add {'::/0' if ':' in gateway else '0.0.0.0/0'} via {gateway}\n"


def network_inside(network, families=(4, 6)):
    """A network behind this one, which forwards for it: that of a container inside. The link to it
    is in0."""
    inner = NetworkNamespace()
    near, far, lengths = zip(*(INSIDE[family] for family in families))
    add_veth(network, "in0", [f"{address}/{length}" for address, length in zip(near, lengths)],
             inner, "eth0", [f"{address}/{length}" for address, length in zip(far, lengths)], near)
    network.sysctl("ipv4/ip_forward", 1)
    network.sysctl("ipv6/conf/all/forwarding", 1)
    return inner


class Link:
    """The container has a private IPv4 address, as with Docker. No two links of a run have the
    same address."""

    def __init__(self, internet, number, families=(4, 6)):
        self.outside_name = f"out{number}"
        net = f"172.{20 + number // 16384}.{number // 64 % 256}"
        self.address = {4: f"{net}.{number % 64 * 4 + 2}", 6: f"2001:db8:1:{number + 1:x}::2"}
        self.gateway = {4: f"{net}.{number % 64 * 4 + 1}", 6: f"2001:db8:1:{number + 1:x}::1"}
        self.broadcast = f"{net}.{number % 64 * 4 + 3}"
        self.network = NetworkNamespace()
        self.network.sysctl("ipv6/conf/default/accept_dad", 0)
        length = {4: 30, 6: 64}
        add_veth(internet, self.outside_name, [f"{self.gateway[4]}/32", f"{self.gateway[6]}/128"],
                 self.network, "eth0", [f"{self.address[family]}/{length[family]}" for family in families],
                 [self.gateway[family] for family in families])
        internet.ip("".join(f"route add {address} dev {self.outside_name} table local\n" for address in self.address.values()))

    def add_second(self, internet):
        """Adds eth1, a link to the Internet without a default route. Returns the name of its
        other end."""
        name = f"{self.outside_name}b"
        add_veth(internet, name, [], self.network, "eth1", ["10.8.0.2/24", "2001:db8:8::2/64"])
        return name

    def close(self):
        """The namespace and the link disappear when the last process in the namespace ends."""
        self.network.close()
