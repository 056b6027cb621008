"""A small internet of network namespaces: one server, and clients behind NATs of several kinds.
Needs root, `ip netns` and iptables; nothing leaves the namespaces, and all of them go away with the laboratory.
Names and addresses of documentation: 203.0.113.0/24 and 2001:db8::/64 are the public network (RFC 5737, RFC 3849)."""
import ctypes
import fcntl
import os
import pathlib
import random
import select
import shutil
import struct
import subprocess
import threading
import time

SERVER, SERVER6 = "203.0.113.10", "2001:db8::10"
CLONE_NEWNET = 0x40000000


def run(*command, check=True):
    done = subprocess.run([str(one) for one in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode:
        raise OSError(f"{' '.join(map(str, command))}: {done.stdout}")
    return done.returncode == 0


def refusal():
    """Why there can be no laboratory here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "iptables"):
        if not shutil.which(program):
            return f"{program} is not installed"
    name = f"carillon-try-{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
    except OSError as error:
        return f"no network namespaces: {error}"
    try:
        run("ip", "netns", "exec", name, "iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
    except OSError as error:
        return f"no NAT in namespaces: {error}"
    finally:
        run("ip", "netns", "del", name, check=False)
    return None


class Lab:
    def __init__(self, hosts=()):
        """`hosts`: names that the clients' resolvers know the server by."""
        self.prefix = f"cl{os.getpid() % 100000}"
        self.hosts = hosts
        self.spaces, self.links, self.lossy = [], 0, []
        self.net = self.space("net")
        self.ip(self.net, "link", "add", "name", "lan", "type", "bridge")
        self.up(self.net, "lan")
        self.server = self.space("srv")
        self.attach(self.server, "eth0", f"{SERVER}/24", f"{SERVER6}/64")
        self.used = 20

    def space(self, name):
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        self.spaces.append(full)
        folder = pathlib.Path("/etc/netns") / full
        folder.mkdir(parents=True)
        (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{SERVER} {name}\n" for name in self.hosts))
        self.up(full, "lo")
        return full

    def ip(self, space, *command):
        run("ip", "-n", space, *command)

    def up(self, space, link):
        self.ip(space, "link", "set", link, "up")

    def inside(self, space, *command):
        run("ip", "netns", "exec", space, *command)

    def command(self, space, command):
        return ["ip", "netns", "exec", space, *map(str, command)]

    def pair(self, one, name, other, other_name):
        self.links += 1
        temporary = [f"{self.prefix}x{self.links}{end}" for end in "ab"]
        run("ip", "link", "add", temporary[0], "type", "veth", "peer", "name", temporary[1])
        for link, space, final in ((temporary[0], one, name), (temporary[1], other, other_name)):
            run("ip", "link", "set", link, "netns", space, "name", final)
            self.up(space, final)

    def attach(self, space, link, *addresses):
        """To the public network."""
        port = f"port{self.links}"
        self.pair(space, link, self.net, port)
        self.ip(self.net, "link", "set", port, "master", "lan")
        for address in addresses:
            self.ip(space, "addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))

    def public(self, name, family=4):
        """A client without NAT, of one family."""
        space = self.space(name)
        self.used += 1
        self.attach(space, "eth0", f"203.0.113.{self.used}/24" if family == 4 else f"2001:db8::{self.used}/64")
        return space

    def behind(self, name, nat, block_udp=False):
        """A client behind a router. full-cone: whoever sends to its public port reaches it; port-restricted: only whom it
        has sent to; symmetric: another public port for each whom it sends to."""
        router, space = self.space(f"{name}r"), self.space(name)
        self.used += 2
        wan, network = f"203.0.113.{self.used}", f"10.{self.used}.0"
        self.attach(router, "wan", f"{wan}/24")
        self.ip(router, "addr", "add", f"203.0.113.{self.used + 1}/24", "dev", "wan")
        self.pair(router, "lan", space, "eth0")
        self.ip(router, "addr", "add", f"{network}.1/24", "dev", "lan")
        self.ip(space, "addr", "add", f"{network}.2/24", "dev", "eth0")
        self.ip(space, "route", "add", "default", "via", f"{network}.1")
        self.inside(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.nat(router, "-A", "POSTROUTING", "-o", "wan", "-p", "tcp", "-j", "SNAT", "--to-source", wan)
        self.nat(router, "-A", "POSTROUTING", "-o", "wan", "-p", "udp", "-j", "SNAT", "--to-source", wan,
                 *(["--random-fully"] if nat == "symmetric" else []))
        if nat == "full-cone":
            self.nat(router, "-A", "PREROUTING", "-i", "wan", "-p", "udp", "-j", "DNAT", "--to-destination", f"{network}.2")
        if block_udp:
            self.inside(router, "iptables", "-A", "FORWARD", "-p", "udp", "-j", "DROP")
        return space

    def nat(self, router, *rule):
        self.inside(router, "iptables", "-t", "nat", *rule)

    def move(self, client):
        """The router's provider gives it another address for UDP in the middle of everything: what it has mapped is gone."""
        router = client + "r"
        wan = int(subprocess.run(["ip", "-n", router, "-o", "-4", "addr", "show", "dev", "wan"], stdout=subprocess.PIPE,
                                 text=True, check=True).stdout.split()[3].split("/")[0].split(".")[3])
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            self.inside(router, "sysctl", "-qw", f"net.netfilter.{name}=1")
        self.inside(router, "iptables", "-t", "raw", "-I", "PREROUTING", "-p", "udp", "-j", "DROP")
        time.sleep(2.5)
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            self.inside(router, "sysctl", "-qw", f"net.netfilter.{name}=60")
        self.nat(router, "-R", "POSTROUTING", "2", "-o", "wan", "-p", "udp", "-j", "SNAT", "--to-source",
                 f"203.0.113.{wan + 1}")
        self.inside(router, "iptables", "-t", "raw", "-D", "PREROUTING", "-p", "udp", "-j", "DROP")

    def over_a_bad_line(self, name, loss, jitter):
        """A client whose line to the public network loses that share of its packets and delays each by up to `jitter`
        seconds, both ways."""
        space, gateway = self.space(name), self.space(f"{name}g")
        self.used += 1
        network = f"10.{self.used}.0"
        self.attach(gateway, "wan", f"203.0.113.{self.used}/24")
        self.lossy.append(BadLine(space, gateway, loss, jitter))
        self.ip(space, "addr", "add", f"{network}.2/24", "dev", "tun0")
        self.ip(gateway, "addr", "add", f"{network}.1/24", "dev", "tun0")
        for end in (space, gateway):
            self.up(end, "tun0")
        self.ip(space, "route", "add", "default", "via", f"{network}.1")
        self.inside(gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.nat(gateway, "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE")
        # Media comes by UDP: over TURN's TCP nothing would be lost.
        self.inside(gateway, "iptables", "-A", "FORWARD", "-p", "tcp", "-m", "multiport", "--dports", "3478,5349,5281", "-j", "REJECT")
        return space

    def close(self):
        for line in self.lossy:
            line.close()
        for space in self.spaces:
            run("ip", "netns", "del", space, check=False)
            shutil.rmtree(pathlib.Path("/etc/netns") / space, ignore_errors=True)


def open_tunnel(space):
    """A TUN device tun0 in that namespace."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        if setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {space}")
        tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    finally:
        setns(back, CLONE_NEWNET)
        os.close(back)
        os.close(there)
    return tunnel


class BadLine:
    """Carries packets between two TUN devices, as a bad radio link does. (netem is not in every kernel.)
    TCP is delayed but not thinned: the telephone's signalling is not what is tested."""

    def __init__(self, one, other, loss, jitter):
        self.ends = [open_tunnel(one), open_tunnel(other)]
        self.loss, self.jitter = loss, jitter
        self.carried = self.lost = 0
        self.waiting, self.over = [], False
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        dice = random.Random(1)
        while not self.over:
            now = time.monotonic()
            due = [item for item in self.waiting if item[0] <= now]
            self.waiting = [item for item in self.waiting if item[0] > now]
            for _, end, packet in sorted(due, key=lambda item: item[0]):
                try:
                    os.write(end, packet)
                except OSError:
                    pass
            readable, _, _ = select.select(self.ends, [], [], 0.002)
            for end in readable:
                packet = os.read(end, 2048)
                udp = packet[0] >> 4 == 4 and packet[9] == 17
                if udp and dice.random() < self.loss:
                    self.lost += 1
                    continue
                self.carried += udp
                later = dice.random() * self.jitter if udp else 0
                self.waiting.append((time.monotonic() + later, self.ends[1 - self.ends.index(end)], packet))

    def close(self):
        self.over = True
        self.thread.join(5)
        for end in self.ends:
            os.close(end)
