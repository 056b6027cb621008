#!/usr/bin/python3
"""TURN across the death of its worker: allocations of clients over UDP go on in the successor, with their permissions and
channels, and nobody else's; what is over stays over, and a worker that
is drained is left so.  Usage: successor_test.py BUILD_BIN_DIR"""
import os
import socket
import struct
import sys
import tempfile
import unittest

from turn_client import ALLOCATE, EVEN, LIFETIME, REFRESH, TICKET, TOKEN, TRANSPORT, Client
from worker import Worker

BIN = sys.argv[1]
CHANNEL = 0x4001


class Peer:
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.address = self.socket.getsockname()


class Successor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carillon-turn-journal-")
        self.addCleanup(folder.cleanup)
        self.journal = os.path.join(folder.name, "journal")
        self.worker = Worker(BIN, "--turn-allow", "127.0.0.0/8", "--journal", self.journal, shards=2)
        self.addCleanup(self.worker.stop)
        self.peer = Peer()
        self.addCleanup(self.peer.socket.close)

    def client(self, **more):
        client = Client(("127.0.0.1", self.worker.port), **more)
        self.addCleanup(client.close)
        return client

    def allocated(self):
        client = self.client()
        self.assertEqual(client.allocate().code(), 0)
        return client

    def bound(self):
        client = self.allocated()
        self.assertEqual(client.bind(CHANNEL, self.peer.address), 0)
        return client

    def carries(self, client, word):
        """Both ways, in the channel."""
        client.send_channel(CHANNEL, b"there " + word)
        data, source = self.peer.socket.recvfrom(2000)
        self.assertEqual((data, source[1]), (b"there " + word, client.relayed[1]))
        self.peer.socket.sendto(b"back " + word, client.relayed)
        self.assertEqual(client.receive(), struct.pack("!HH", CHANNEL, 5 + len(word)) + b"back " + word)

    def restart(self):
        self.worker.die()
        self.worker.start()

    def test_channels_and_permissions_go_on_without_a_word(self):
        clients = [self.bound() for _ in range(8)]  # on both shards
        with_permission = self.allocated()
        self.assertEqual(with_permission.permit(self.peer.address), 0)
        for client in clients:
            self.carries(client, b"before")
        self.restart()
        for client in clients:
            self.carries(client, b"after")
        self.peer.socket.sendto(b"hello", with_permission.relayed)
        self.assertIn(b"hello", with_permission.receive())
        self.restart()
        for client in clients:
            self.carries(client, b"after the second death")

    def test_it_can_be_refreshed_and_ended(self):
        client = self.bound()
        self.restart()
        challenge = client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600))])
        self.assertEqual(challenge.code(), 438, "another server's nonce")
        client.nonce = challenge.attributes[0x15]
        self.assertEqual(client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600))]).code(), 0)
        self.carries(client, b"refreshed")
        self.assertEqual(client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 0))]).code(), 0)
        self.restart()
        self.assertEqual(client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600))]).code(), 438)
        client.log_in(ALLOCATE)
        self.assertEqual(client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600))]).code(), 437, "what has ended stays ended")

    def test_a_stranger_reaches_nothing_and_the_quota_holds(self):
        client = self.bound()
        self.restart()
        stranger = self.client(user="juliet", password="secret")
        stranger.send_channel(CHANNEL, b"mine?")
        self.peer.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.peer.socket.recvfrom(2000)
        self.peer.socket.settimeout(5)
        self.carries(client, b"after")
        other = self.client()
        self.assertEqual(other.allocate().code(), 0)
        self.assertNotEqual(other.relayed[1], client.relayed[1])

    def test_a_client_over_tcp_is_gone_and_its_port_is_free(self):
        client = self.client(transport="tcp")
        self.assertEqual(client.allocate().code(), 0)
        self.restart()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", client.relayed[1]))

    def test_a_client_over_a_connection_comes_back_with_its_ticket(self):
        self.come_back(("tcp", "tcp"), ("tls", "udp"), ("tcp", "tls"))

    def test_a_client_over_dtls_comes_back_with_its_ticket(self):
        self.come_back(("dtls", "dtls"), ("dtls", "udp"), ("tls", "dtls"))

    # Three pairs at most: a worker that dies more often in so short a time is believed to die of its journal.
    def come_back(self, *pairs):
        for transport, again in pairs:
            client = self.client(transport=transport)
            answer = client.allocate((TICKET, b""))
            self.assertEqual(answer.code(), 0)
            relayed, ticket = client.relayed, answer.attributes[TICKET]
            self.assertEqual(client.bind(CHANNEL, self.peer.address), 0)
            self.carries(client, b"before")
            self.restart()
            self.peer.socket.sendto(b"nobody is there", relayed)  # and that is nobody's harm
            thief = self.client(user="juliet", password="secret")
            thief.log_in()
            self.assertIn(thief.ask(REFRESH, [(TICKET, ticket)]).code(), (437, 441), "another's ticket")
            back = self.client(transport=again)
            back.log_in()
            answer = back.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600)), (TICKET, ticket)])
            self.assertEqual(answer.code(), 0, f"{transport}, then {again}")
            back.relayed = relayed
            self.carries(back, b"after")
            self.restart()
            ticket = answer.attributes[TICKET]
            once_more = self.client(transport="tcp")
            once_more.log_in()
            if again != "udp":
                self.assertEqual(once_more.ask(REFRESH, [(TICKET, ticket)]).code(), 0)
                once_more.relayed = relayed
                self.carries(once_more, b"after the second death")

    def test_a_reserved_port_waits_for_its_token(self):
        client = self.client()
        answer = client.allocate((EVEN, b"\x80"))
        self.assertEqual((answer.code(), client.relayed[1] % 2), (0, 0))
        self.restart()
        other = self.client()
        other.log_in()
        answer = other.ask(ALLOCATE, [(TRANSPORT, b"\x11\0\0\0"), (TOKEN, answer.attributes[TOKEN])])
        self.assertEqual(answer.code(), 0)
        self.assertEqual(answer.address(0x16)[1], client.relayed[1] + 1)

    def drain(self):
        """Hello of version 1, then Drain, as relay/api/control.proto has them."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(str(self.worker.work / "relay.sock"))
            for request in (b"\x08\x01\x12\x02\x08\x01", b"\x08\x02\x42\x02\x08\x01"):
                control.sendall(struct.pack("!I", len(request)) + request)
                size = struct.unpack("!I", control.recv(4, socket.MSG_WAITALL))[0]
                control.recv(size, socket.MSG_WAITALL)

    def test_a_worker_that_is_drained_takes_no_more_but_keeps_what_it_has(self):
        client = self.bound()
        self.drain()
        newcomer = self.client()
        self.assertEqual(newcomer.allocate().code(), 508)
        self.carries(client, b"still")
        self.assertEqual(client.ask(REFRESH, [(LIFETIME, struct.pack("!I", 600))]).code(), 0)
        self.restart()
        self.carries(client, b"and after")
        self.assertEqual(self.client().allocate().code(), 508, "the successor is drained as well")

    def test_sigterm_ends_them(self):
        client = self.bound()
        self.worker.process.terminate()
        self.worker.process.wait(15)
        self.worker.start()
        client.send_channel(CHANNEL, b"gone")
        self.peer.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.peer.socket.recvfrom(2000)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
