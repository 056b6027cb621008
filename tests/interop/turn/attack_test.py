#!/usr/bin/python3
"""Attacks on the TURN server: what strangers make it send, ways into private networks, one user's greed, dead peers, streams
that stall, allocations that move.  Usage: attack_test.py BUILD_BIN_DIR"""
import os
import pathlib
import socket
import struct
import sys
import threading
import time
import unittest

from turn_client import ALLOCATE, CONNECT, CONNECTION, DATA, ICMP, LIFETIME, PAYLOAD, PEER, REFRESH, TICKET, TIE, Client, Message
from worker import Worker

BIN = sys.argv[1]
LOOPBACK = "127.0.0.1"

# Ways to say 127.0.0.1, 10.0.0.1 and 169.254.169.254, and what else is not of the public Internet.
PRIVATE_V4 = ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0",
              "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "168.63.129.16"]
PRIVATE_V6 = ["::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
              "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::1", "2001:0:1:2:3:4:80ff:fffe", "fc00::1", "fd00:ec2::254", "fe80::1",
              "ff02::1", "2001:db8::1", "::ffff:0:127.0.0.1"]


class Attack(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(BIN, *cls.options)
        cls.addClassCleanup(cls.worker.stop)

    def client(self, transport="udp", address=LOOPBACK, **more):
        port = self.worker.tls_port if transport == "tls" else self.worker.port
        made = Client((address, port), transport, **more)
        self.addCleanup(made.close)
        return made

    def tearDown(self):
        self.assertTrue(self.worker.alive(), self.worker.log_text())


class Strangers(Attack):
    def test_what_is_answered_outweighs_what_was_asked_by_an_allowance_only(self):
        flood = self.client(source=("127.0.0.9", 0))
        # The shortest requests there are: the 401 to each is several times as long.
        asked = answered = answers = 0
        began = time.monotonic()
        for _ in range(3000):
            request = flood.message(ALLOCATE)[0]
            asked += len(request)
            flood.socket.sendall(request)
        while (got := flood.receive_fresh(0.5)) is not None:
            answered += len(got)
            answers += 1
        allowance = 2 * (8192 + 512 * (time.monotonic() - began))  # each of two shards has one
        self.assertLess(answered, answers * 20 + allowance)
        self.assertLess(answers, 400, "401s are limited")
        self.assertGreater(answers, 10, "and not withheld")
        calm = self.client(source=("127.0.0.10", 0))  # others are served
        self.assertEqual(calm.allocate().code(), 0)

    def test_long_requests_are_answered_however_many(self):
        client = self.client(source=("127.0.0.11", 0))
        for _ in range(200):
            padding = [(0x8022, b"x" * 200)]  # SOFTWARE: the request is as long as its answer
            self.assertEqual(client.ask(ALLOCATE, padding).code(), 401)

    def test_cookies_are_no_longer_than_the_hello(self):
        # A ClientHello of DTLS 1.2 by hand; the answer is a HelloVerifyRequest, and nothing is kept.
        body = b"\xfe\xfd" + os.urandom(32) + b"\0" + b"\0" + struct.pack("!H", 2) + b"\xc0\x2b" + b"\x01\0"
        body += struct.pack("!H", 8) + struct.pack("!HHHH", 10, 4, 2, 23)
        handshake = b"\x01" + len(body).to_bytes(3, "big") + b"\0\0" + b"\0\0\0" + len(body).to_bytes(3, "big") + body
        hello = b"\x16\xfe\xff" + bytes(8) + struct.pack("!H", len(handshake)) + handshake
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.settimeout(5)
            raw.connect((LOOPBACK, self.worker.tls_port))
            for _ in range(50):
                raw.send(hello)
                answer = raw.recv(4096)
                self.assertEqual(answer[13], 3, "HelloVerifyRequest")
                self.assertLessEqual(len(answer), len(hello))

    def test_noise_hurts_nobody(self):
        friend = self.client("tcp")
        self.assertEqual(friend.allocate().code(), 0)
        for first in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + os.urandom(500), os.urandom(3000), b"\0\1\xff\xff",
                      b"\x40\0\xff\xff" + bytes(3000), b"\0\1\0\0!\x12\xa4B" + bytes(12) + b"\xff" * 100):
            with socket.create_connection((LOOPBACK, self.worker.port), 5) as noise:
                noise.sendall(first)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
                noise.sendto(first[:1400], (LOOPBACK, self.worker.port))
        for _ in range(500):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
                noise.sendto(bytes([22, 254, 253]) + os.urandom(60), (LOOPBACK, self.worker.tls_port))
        self.assertEqual(friend.permit(friend.relayed), 0)


class PrivateNetworks(Attack):
    def refused(self, address, transport, private):
        client = self.client(transport, address)
        family = [(0x17, b"\x02\0\0\0")] if ":" in private[0] else []
        self.assertEqual(client.allocate(*family).code(), 0)
        for number, ip in enumerate(private):
            self.assertEqual(client.permit((ip, 80)), 403, ip)
            self.assertEqual(client.bind(0x4000 + number, (ip, 80)), 403, ip)
        # One good peer does not take a bad one along.
        self.assertEqual(client.permit(client.relayed, (private[0], 80)), 403)

    def test_permissions_and_channels_are_refused(self):
        self.refused(LOOPBACK, "udp", PRIVATE_V4)
        self.refused(LOOPBACK, "tls", PRIVATE_V4)
        self.refused("::1", "udp", PRIVATE_V6)

    def test_data_does_not_get_there(self):
        client = self.client()
        self.assertEqual(client.allocate().code(), 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
            victim.bind((LOOPBACK, 0))
            # A permission for a relay port is for the whole address; the port of the victim is none.
            self.assertEqual(client.permit(client.relayed), 0)
            for _ in range(5):
                client.send(victim.getsockname(), b"in")
            client.send(client.relayed, b"around")
            self.assertEqual(Message(client.receive()).attributes[PAYLOAD], b"around")
            victim.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                victim.recv(100)
            # Nor does anything come from there.
            victim.sendto(b"out", client.relayed)
            self.assertIsNone(client.receive(0.3))

    def test_connections_are_refused(self):
        for address, family, private in ((LOOPBACK, [], PRIVATE_V4), ("::1", [(0x17, b"\x02\0\0\0")], PRIVATE_V6)):
            client = self.client("tcp", address)
            self.assertEqual(client.allocate(*family, tcp=True).code(), 0)
            with socket.create_server((LOOPBACK, 0)) as victim:
                for ip in private:
                    self.assertEqual(client.ask(CONNECT, peer=[(ip, victim.getsockname()[1])]).code(), 403, ip)
                victim.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    victim.accept()

    def test_the_relays_stay_reachable(self):
        one, other = self.client(), self.client("tls")
        self.assertEqual((one.allocate().code(), other.allocate().code()), (0, 0))
        self.assertEqual(one.bind(0x4001, other.relayed), 0)
        self.assertEqual(other.permit(one.relayed), 0)
        one.send_channel(0x4001, b"hello")
        got = Message(other.receive())
        self.assertEqual((got.method, got.attributes[PAYLOAD], got.address(PEER)), (DATA, b"hello", one.relayed))


class Greed(Attack):
    options = ("--turn-allocations", "30", "--turn-connections-per-address", "60")

    def test_one_user_leaves_room_for_others(self):
        mine = [self.client() for _ in range(40)]
        codes = [one.allocate().code() for one in mine]
        self.assertEqual(codes.count(0), 30)
        self.assertEqual(codes.count(486), 10)
        self.assertEqual(self.client(user="juliet", password="secret").allocate().code(), 0)
        mine[0].ask(REFRESH, [(LIFETIME, bytes(4))])
        self.assertEqual(self.client().allocate().code(), 0, "what is given back is there again")

    def test_connections_of_one_address_are_bounded(self):
        open_ones = []
        for _ in range(80):
            connection = socket.create_connection((LOOPBACK, self.worker.port), 5)
            self.addCleanup(connection.close)
            open_ones.append(connection)
        until = time.monotonic() + 5
        closed = 0
        while closed < 20 and time.monotonic() < until:
            closed = sum(1 for one in open_ones if self.is_closed(one))
            time.sleep(0.05)
        self.assertEqual(closed, 20)

    @staticmethod
    def is_closed(connection):
        connection.setblocking(False)
        try:
            return connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


class SmallRange(unittest.TestCase):
    def test_a_quarter_of_the_ports_is_the_most(self):
        worker = Worker(BIN, "--turn-allocations", "1000", ports=40)
        self.addCleanup(worker.stop)
        codes = []
        for _ in range(20):
            client = Client((LOOPBACK, worker.port))
            self.addCleanup(client.close)
            codes.append(client.allocate().code())
        self.assertEqual(codes.count(0), 10)
        other = Client((LOOPBACK, worker.port), user="juliet", password="secret")
        self.addCleanup(other.close)
        self.assertEqual(other.allocate().code(), 0)


class DeadPeers(Attack):
    options = ("--turn-allow", "127.0.0.0/8", "--turn-allow", "203.0.113.0/24")

    def test_who_sends_to_nobody_hears_of_it_and_disturbs_nobody(self):
        """Beside a client that floods a closed port and an unreachable network, two others lose nothing."""
        one, other = self.client(), self.client("tcp")
        self.assertEqual((one.allocate().code(), other.allocate().code()), (0, 0))
        self.assertEqual((one.bind(0x4001, other.relayed), other.bind(0x4001, one.relayed)), (0, 0))
        flooder = self.client()
        self.assertEqual(flooder.allocate().code(), 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((LOOPBACK, 0))
            dead = probe.getsockname()
        self.assertEqual((flooder.bind(0x4001, dead), flooder.bind(0x4002, ("203.0.113.9", 9))), (0, 0))
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                # Not so many that the kernel's buffer of the listener, which all share, overflows on a busy machine.
                flooder.send_channel(0x4001, b"nobody")
                flooder.send_channel(0x4002, b"nowhere")
                time.sleep(0.002)

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            for number in range(200):
                one.send_channel(0x4001, struct.pack("!I", number))
                self.assertEqual(other.receive(), b"\x40\x01\0\x04" + struct.pack("!I", number))
                other.send_channel(0x4001, struct.pack("!I", number))
                self.assertEqual(one.receive(), b"\x40\x01\0\x04" + struct.pack("!I", number))
        finally:
            stop.set()
            thread.join()
        told = Message(flooder.receive())
        self.assertEqual((told.method, told.kind, told.address(PEER)), (DATA, "indication", dead))
        self.assertEqual(struct.unpack("!xxH", told.attributes[ICMP][:4])[0], 3 << 9 | 3)

    def test_connections_to_nobody_fail_with_447(self):
        client = self.client("tcp")
        self.assertEqual(client.allocate(tcp=True).code(), 0)
        with socket.create_server((LOOPBACK, 0)) as gone:
            dead = gone.getsockname()
        self.assertEqual(client.ask(CONNECT, peer=[dead]).code(), 447)

    def test_a_connection_carries_octets_both_ways_and_its_end(self):
        for transport in ("tcp", "tls"):
            client = self.client(transport)
            self.assertEqual(client.allocate(tcp=True).code(), 0)
            with socket.create_server((LOOPBACK, 0)) as server:
                connected = client.ask(CONNECT, peer=[server.getsockname()])
                self.assertEqual(connected.code(), 0)
                self.assertEqual(client.ask(CONNECT, peer=[server.getsockname()]).code(), 446)
                peer, source = server.accept()
            self.addCleanup(peer.close)
            self.assertEqual(source, client.relayed)
            peer.settimeout(10)
            peer.sendall(b"before anybody reads")
            stranger = self.client(transport, user="juliet", password="secret")
            stranger.log_in(TIE)
            self.assertEqual(stranger.ask(TIE, [(CONNECTION, connected.attributes[CONNECTION])]).code(), 400)
            data = self.client(transport)
            data.log_in(TIE)
            self.assertEqual(data.ask(TIE, [(CONNECTION, connected.attributes[CONNECTION])]).code(), 0)
            got = data.buffer
            while len(got) < 20:
                got += data.socket.recv(100)
            self.assertEqual(got, b"before anybody reads")
            # More than all the buffers between them hold.
            sent = os.urandom(8 << 20)
            sender = threading.Thread(target=data.socket.sendall, args=(sent,))
            sender.start()
            received = bytearray()
            while len(received) < len(sent):
                received += peer.recv(1 << 20)
            sender.join()
            self.assertEqual(received, sent)
            peer.close()
            self.assertEqual(data.socket.recv(100), b"")

    def test_who_connects_to_a_relay_is_announced_and_tied(self):
        client = self.client("tcp")
        self.assertEqual(client.allocate(tcp=True).code(), 0)
        with socket.create_connection(client.relayed, 5) as early:
            early.settimeout(5)
            self.assertEqual(early.recv(1), b"", "without a permission it is closed")
        self.assertEqual(client.permit((LOOPBACK, 0)), 0)
        with socket.create_connection(client.relayed, 5) as peer:
            attempt = Message(client.receive())
            self.assertEqual((attempt.method, attempt.kind), (12, "indication"))
            self.assertEqual(attempt.address(PEER), peer.getsockname())
            data = self.client("tcp")
            data.log_in(TIE)
            self.assertEqual(data.ask(TIE, [(CONNECTION, attempt.attributes[CONNECTION])]).code(), 0)
            peer.sendall(b"hello")
            self.assertEqual(data.socket.recv(100), b"hello")


class Streams(Attack):
    options = ("--turn-allow", "127.0.0.0/8")

    def test_who_does_not_read_loses_data_and_nothing_else(self):
        client, friend = self.client("tcp"), self.client("tcp")
        self.assertEqual((client.allocate().code(), friend.allocate().code()), (0, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((LOOPBACK, 0))
            self.assertEqual((client.bind(0x4001, peer.getsockname()), friend.bind(0x4001, peer.getsockname())), (0, 0))
            for number in range(20_000):  # 20 MB: more than kernel and server keep
                peer.sendto(bytes(1000), client.relayed)
                if number % 100 == 0:
                    peer.sendto(struct.pack("!I", number), friend.relayed)
                    self.assertEqual(friend.receive()[4:], struct.pack("!I", number), "others are served meanwhile")
            status = pathlib.Path(f"/proc/{self.worker.process.pid}/status").read_text()
            resident = int(status.split("VmRSS:")[1].split()[0])
            self.assertLess(resident, 200_000, "kB")
            got = 0
            while client.receive(1) is not None:
                got += 1
            self.assertGreater(got, 50)
            self.assertLess(got, 20_000)
            self.assertEqual(client.bind(0x4001, peer.getsockname()), 0, "and it is served again")

    def test_half_a_message_does_not_hold_a_connection(self):
        began = time.monotonic()
        stalls = []
        for first in (b"", b"\0", b"\x16\x03\x01", b"\0\x03\0\x08!\x12\xa4B"):
            connection = socket.create_connection((LOOPBACK, self.worker.port), 5)
            self.addCleanup(connection.close)
            connection.sendall(first)
            connection.settimeout(40)
            stalls.append(connection)
        for connection in stalls:
            try:
                self.assertEqual(connection.recv(1), b"")
            except ConnectionResetError:
                pass
        self.assertLess(time.monotonic() - began, 35)


class Mobility(Attack):
    """RFC 8016: from port to port (and so from shard to shard), and from transport to transport."""

    def test_the_allocation_goes_where_its_client_goes(self):
        client, peer = self.client(), self.client()
        self.assertEqual(peer.allocate().code(), 0)
        answer = client.allocate((TICKET, b""))
        self.assertEqual(answer.code(), 0)
        relayed, ticket = client.relayed, answer.attributes[TICKET]
        self.assertEqual((client.bind(0x4001, peer.relayed), peer.bind(0x4001, relayed)), (0, 0))
        for transport in ("udp",) * 6 + ("tcp", "udp", "tls", "tcp", "udp"):
            moved = self.client(transport)
            moved.log_in()
            self.assertEqual(moved.ask(REFRESH, [(TICKET, bytes(16))]).code(), 437, "a wrong ticket")
            thief = self.client(transport, user="juliet", password="secret")
            thief.log_in()
            self.assertIn(thief.ask(REFRESH, [(TICKET, ticket)]).code(), (437, 441), "another's ticket")
            answer = moved.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600)), (TICKET, ticket)])
            self.assertEqual(answer.code(), 0, transport)
            self.assertNotEqual(answer.attributes[TICKET], ticket)
            ticket = answer.attributes[TICKET]
            peer.send_channel(0x4001, b"found you")
            self.assertEqual(moved.receive(), b"\x40\x01\0\x09found you")
            moved.send_channel(0x4001, b"still here")
            self.assertEqual(peer.receive(), b"\x40\x01\0\x0astill here")
            if transport != "udp":
                moved.close()  # the ticket outlives the stream


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
