#!/usr/bin/python3
"""coturn's clients against our TURN server: every transport, both families, channels and indications, TCP relaying, NAT
discovery; certificates exchanged while it runs.  Usage: turn_test.py BUILD_BIN_DIR"""
import concurrent.futures
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import unittest

from turn_client import FAMILY, LIFETIME, REFRESH, Client
from worker import PASSWORD, USER, Worker, certificate, free_port

BIN = sys.argv[1]


# What turnutils_uclient is told, besides: -T relays TCP, -S is TLS over -t and DTLS without, -s indications, -x IPv6.
CASES = {
    "udp_with_channels": ["-c"],
    "udp_with_indications": ["-c", "-s"],
    "udp_with_rtcp_and_reservations": [],
    "tcp_with_channels": ["-c", "-t"],
    "tcp_with_messages_that_need_padding": ["-c", "-t", "-l", "171"],
    "tcp_with_indications": ["-c", "-t", "-s"],
    "tcp_with_large_messages": ["-c", "-t", "-l", "1400"],
    "tls_with_channels": ["-c", "-t", "-S", "TLS"],
    "tls_at_the_plain_port": ["-c", "-t", "-S"],
    "tls_with_indications": ["-c", "-t", "-S", "-s", "TLS"],
    "dtls_with_channels": ["-c", "-S", "TLS"],
    "dtls_at_the_plain_port_with_indications": ["-c", "-S", "-s"],
    "ipv6_udp": ["-c", "-x", "::1"],
    "ipv6_tcp": ["-c", "-x", "-t", "::1"],
    "ipv6_tls": ["-c", "-x", "-t", "-S", "TLS", "::1"],
    "ipv6_dtls": ["-c", "-x", "-S", "TLS", "::1"],
    "ipv6_relayed_for_an_ipv4_client": ["-c", "-x"],
    "rfc6062_connections": ["-c", "-T"],
    "rfc6062_connections_under_tls": ["-c", "-T", "-t", "-S", "TLS"],
    "rfc6062_connections_ipv6": ["-c", "-T", "-x", "::1"],
}
CLIENTS, MESSAGES = 4, 25


class Uclient(unittest.TestCase):
    """Clients of coturn's that speak to one another through relays of ours (-y); no message may be lost."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(BIN, ports=1000)
        cls.addClassCleanup(cls.worker.stop)
        pool = concurrent.futures.ThreadPoolExecutor(5)  # they mostly wait for one another
        cls.addClassCleanup(pool.shutdown, cancel_futures=True)
        cls.runs = {name: pool.submit(cls.run_clients, options) for name, options in CASES.items()}

    @classmethod
    def run_clients(cls, given):
        options = [one for one in given if one not in ("TLS", "::1")]
        port = cls.worker.tls_port if "TLS" in given else cls.worker.port
        length = [] if "-l" in options else ["-l", "170"]
        return subprocess.run(["turnutils_uclient", "-u", USER, "-w", PASSWORD, "-y", "-m", str(CLIENTS), "-n", str(MESSAGES),
                               "-z", "20", *length, *options, "-p", str(port), "::1" if "::1" in given else "127.0.0.1"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)

    def check(self, name):
        done = self.runs[name].result()
        text = done.stdout[-3000:]
        self.assertEqual(done.returncode, 0, text)
        lost = re.search(r"Total lost packets (\d+)", done.stdout)
        self.assertTrue(lost, text)
        self.assertEqual(lost[1], "0", text)
        self.assertGreaterEqual(int(re.findall(r"tot_recv_msgs=(\d+)", done.stdout)[-1]), CLIENTS * MESSAGES, text)
        self.assertTrue(self.worker.alive())


for case in CASES:
    setattr(Uclient, f"test_{case}", lambda self, name=case: self.check(name))


class NatDiscovery(unittest.TestCase):
    """RFC 5780."""

    def test_four_sockets_answer_each_for_itself(self):
        alternate = free_port()
        worker = Worker(BIN, "--stun-alternate-address", "127.0.0.2", "--stun-alternate-port", alternate)
        self.addCleanup(worker.stop)
        done = subprocess.run(["turnutils_natdiscovery", "-m", "-f", "-p", str(worker.port), "127.0.0.1"], capture_output=True,
                              text=True, timeout=60)
        text = done.stdout + done.stderr
        self.assertIn(f"Other addr: : 127.0.0.2:{alternate}", text)
        self.assertIn(f"Other addr: : 127.0.0.1:{alternate}", text)  # asked at 127.0.0.2
        for origin in (f"127.0.0.1:{worker.port}", f"127.0.0.2:{worker.port}", f"127.0.0.2:{alternate}"):
            self.assertIn(f"Response origin: : {origin}", text)
        self.assertIn("Endpoint Independent Mapping", text)
        self.assertIn("Endpoint Independent Filtering", text)


class Joined(unittest.TestCase):
    """Datagrams that the kernel joins on their way (UDP_SEGMENT, UDP_GRO) are datagrams of their own to both ends."""
    SEGMENT = 103  # udp(7)

    def setUp(self):
        self.worker = Worker(BIN, "--turn-allow", "127.0.0.0/8")
        self.addCleanup(self.worker.stop)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.peer.close)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(5)
        self.client = Client(("127.0.0.1", self.worker.port))
        self.addCleanup(self.client.close)
        self.assertEqual(self.client.allocate().code(), 0)
        self.assertEqual(self.client.bind(0x4000, self.peer.getsockname()), 0)

    def send_joined(self, sender, datagrams, to=()):
        sender.sendmsg([b"".join(datagrams)], [(socket.IPPROTO_UDP, self.SEGMENT, struct.pack("H", len(datagrams[0])))], 0, *to)

    def payloads(self, size, last):
        return [bytes([65 + i]) * size for i in range(20)] + [b"z" * last]

    def test_channel_data_to_a_peer(self):
        wanted = self.payloads(1200, 500)
        self.send_joined(self.client.socket, [struct.pack("!HH", 0x4000, len(one)) + one for one in wanted])
        self.assertEqual([self.peer.recv(4000) for _ in wanted], wanted)

    def test_datagrams_of_a_peer(self):
        wanted = self.payloads(172, 100)
        self.send_joined(self.peer, wanted, [self.client.relayed])
        got = [self.client.receive() for _ in wanted]
        self.assertEqual(got, [struct.pack("!HH", 0x4000, len(one)) + one for one in wanted])

    def test_a_request_among_them_is_answered(self):
        request, transaction = self.client.message(REFRESH, [(LIFETIME, struct.pack("!I", 600))])
        padding = len(request) - 4
        self.send_joined(self.client.socket, [struct.pack("!HH", 0x4000, padding) + b"a" * padding, request])
        self.assertEqual(self.peer.recv(4000), b"a" * padding)
        self.assertEqual(self.client.receive()[8:20], transaction)


class Marks(unittest.TestCase):
    """RFC 8656 §15, RFC 3168: DSCP and ECN of each datagram go along with what it carries, both ways."""
    EXPEDITED, CAPABLE, CONGESTION = 46 << 2, 2, 3
    MARKS = [0, EXPEDITED, EXPEDITED | CAPABLE, EXPEDITED | CONGESTION, CONGESTION, CAPABLE, 0]

    def setUp(self):
        self.worker = Worker(BIN, "--turn-allow", "127.0.0.0/8", "--turn-allow", "::1/128")
        self.addCleanup(self.worker.stop)

    def see_marks(self, end):
        v6 = end.family == socket.AF_INET6
        end.settimeout(5)
        end.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, socket.IPV6_RECVTCLASS if v6 else socket.IP_RECVTOS, 1)

    def set_mark(self, end, mark):
        v6 = end.family == socket.AF_INET6
        end.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP, socket.IPV6_TCLASS if v6 else socket.IP_TOS, mark)

    def take(self, end):
        """The last octets of a datagram, which are the payload in messages of every kind here, and its mark."""
        data, told, _, _ = end.recvmsg(4000, 256)
        marks = [value[0] for level, kind, value in told if (level, kind) in (
            (socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS))]
        return data[-8:], marks[0]

    def meet(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.peer = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(self.peer.close)
        self.peer.bind((address, 0))
        self.client = Client((address, self.worker.port))
        self.addCleanup(self.client.close)
        self.assertEqual(self.client.allocate(*([(FAMILY, b"\x02\0\0\0")] if ":" in address else [])).code(), 0)
        self.assertEqual(self.client.permit(self.peer.getsockname()[:2]), 0)
        for end in (self.peer, self.client.socket):
            self.see_marks(end)

    def both_ways(self, send):
        for number, mark in enumerate(self.MARKS):
            data = struct.pack("!Q", number)
            self.set_mark(self.client.socket, mark)
            send(data)
            self.assertEqual(self.take(self.peer), (data, mark))
            self.set_mark(self.peer, mark)
            self.peer.sendto(data, self.client.relayed)
            self.assertEqual(self.take(self.client.socket), (data, mark))

    def marks_are_kept(self, address):
        self.meet(address)
        self.both_ways(lambda data: self.client.send(self.peer.getsockname()[:2], data))
        self.set_mark(self.client.socket, 0)
        self.assertEqual(self.client.bind(0x4000, self.peer.getsockname()[:2]), 0)
        self.both_ways(lambda data: self.client.send_channel(0x4000, data))

    def test_by_ipv4(self):
        self.marks_are_kept("127.0.0.1")

    def test_by_ipv6(self):
        self.marks_are_kept("::1")

    def test_bursts_with_congestion_in_their_middle(self):
        self.meet("127.0.0.1")
        self.assertEqual(self.client.bind(0x4000, self.peer.getsockname()), 0)
        wanted = [(struct.pack("!Q", i), self.CONGESTION if i in (4, 7) else self.CAPABLE) for i in range(12)]
        for data, mark in wanted:
            self.set_mark(self.client.socket, mark)
            self.client.send_channel(0x4000, data)
        self.assertEqual([self.take(self.peer) for _ in wanted], wanted)
        for data, mark in wanted:
            self.set_mark(self.peer, mark)
            self.peer.sendto(data, self.client.relayed)
        self.assertEqual([self.take(self.client.socket) for _ in wanted], wanted)


class Certificates(unittest.TestCase):
    def shown(self, worker, name="turn.test", protocols=("stun.turn",)):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(list(protocols))
        with socket.create_connection(("127.0.0.1", worker.tls_port), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return secure.getpeercert(True), secure.selected_alpn_protocol()

    def test_new_ones_are_shown_without_a_restart(self):
        worker = Worker(BIN)
        self.addCleanup(worker.stop)
        before, protocol = self.shown(worker)
        self.assertEqual(protocol, "stun.turn")
        self.assertEqual(self.shown(worker, protocols=["stun.nat-discovery"])[1], "stun.nat-discovery")
        with self.assertRaises(ssl.SSLError):
            self.shown(worker, protocols=["h2", "http/1.1"])
        worker.list_certificate(*certificate(worker.work, stem="new"))
        worker.reload()
        until = time.monotonic() + 15
        while self.shown(worker)[0] == before:
            self.assertLess(time.monotonic(), until, "the old certificate stays")
            time.sleep(0.05)
        worker.list_certificate("nowhere", "nothing")
        worker.reload()
        while "certificates stay" not in worker.log_text():
            self.assertLess(time.monotonic(), until + 15, worker.log_text())
            time.sleep(0.05)
        self.shown(worker)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
