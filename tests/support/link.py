"""The network of one container: a namespace, a link to the Internet, addresses and default routes."""

from support.network import NetworkNamespace


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
        internet.ip(f"""link add {self.outside_name} type veth peer name eth0 netns {self.network.path}
            link set {self.outside_name} up
            address add {self.gateway[4]}/32 dev {self.outside_name}
            address add {self.gateway[6]}/128 dev {self.outside_name} nodad
            route add {self.address[4]}/32 dev {self.outside_name} table local
            route add {self.address[6]}/128 dev {self.outside_name} table local""")
        self.network.ip("link set lo up\nlink set eth0 up\n" + "".join(self._inside(family) for family in families))

    def _inside(self, family):
        length, everywhere, option = (30, "0.0.0.0/0", "") if family == 4 else (64, "::/0", "nodad")
        return (f"address add {self.address[family]}/{length} dev eth0 {option}\n"
                f"route add {everywhere} via {self.gateway[family]}\n")

    def add_second(self, internet):
        """Adds eth1, a link to the Internet without a default route. Returns the name of its
        other end."""
        name = f"{self.outside_name}b"
        internet.ip(f"link add {name} type veth peer name eth1 netns {self.network.path}\nlink set {name} up")
        self.network.ip("link set eth1 up\naddress add 10.8.0.2/24 dev eth1\naddress add 2001:db8:8::2/64 dev eth1 nodad")
        return name

    def close(self):
        """The namespace and the link disappear when the last process in the namespace ends."""
        self.network.close()
