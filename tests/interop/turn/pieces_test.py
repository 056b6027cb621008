#!/usr/bin/python3
"""DTLS clients whose ClientHello does not fit one datagram, as with post-quantum keys: OpenSSL's client with a small MTU and
much to say, at the TURN server.  Usage: pieces_test.py BUILD_BIN_DIR"""
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import unittest

from worker import Worker

BIN = sys.argv[1]
NAMES = ",".join(["stun.turn", *(f"a-protocol-that-nobody-speaks-{i:02}" for i in range(24))])


def hello_piece(cookie=b"", sequence=0, offset=0, length=400, piece=None):
    """A ClientHello's piece of `piece` octets: random and cookie are where they belong."""
    body = b"\xfe\xfd" + bytes(range(32)) + b"\0" + bytes([len(cookie)]) + cookie
    body += bytes((piece or 150) - len(body))
    handshake = b"\x01" + length.to_bytes(3, "big") + struct.pack("!H", sequence) + offset.to_bytes(3, "big") + len(body).to_bytes(3, "big")
    return b"\x16\xfe\xff" + bytes(8) + struct.pack("!H", len(handshake) + len(body)) + handshake + body


class Wire:
    """Between a client and a port of the server; keeps how large the pieces of ClientHello were."""

    def __init__(self, port):
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.near.bind(("127.0.0.1", 0))
        self.far.connect(("127.0.0.1", port))
        self.port, self.client, self.pieces = self.near.getsockname()[1], None, []
        threading.Thread(target=self.carry, daemon=True).start()

    def carry(self):
        try:
            while True:
                for ready in select.select([self.near, self.far], [], [])[0]:
                    if ready is self.far:
                        self.near.sendto(self.far.recv(2000), self.client)
                        continue
                    datagram, self.client = self.near.recvfrom(2000)
                    whole, piece = (int.from_bytes(datagram[at:at + 3], "big") for at in (14, 22))
                    if datagram[0] == 22 and datagram[3:5] == b"\0\0" and datagram[13] == 1 and piece < whole:
                        self.pieces.append(piece)
                    self.far.send(datagram)
        except (OSError, ValueError):
            pass

    def close(self):
        self.near.close(), self.far.close()


class Pieces(unittest.TestCase):
    def setUp(self):
        self.worker = Worker(BIN)
        self.addCleanup(self.worker.stop)

    def shake(self, port, *more):
        done = subprocess.run(["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", "-servername", "turn.test",
                               "-CAfile", self.worker.work / "turn.crt", *more], input=b"", capture_output=True, timeout=30)
        text = (done.stdout + done.stderr).decode(errors="replace")
        self.assertIn("Verify return code: 0", text)
        self.assertIn("ALPN protocol: stun.turn", text)

    def test_a_client_hello_in_pieces_is_put_together(self):
        for port in (self.worker.port, self.worker.tls_port):
            for mtu in (300, 256, 500):
                wire = Wire(port)
                self.addCleanup(wire.close)
                self.shake(wire.port, "-mtu", str(mtu), "-alpn", NAMES)
                self.assertGreaterEqual(len(wire.pieces), 4, "two hellos of two pieces at least")

    def test_whole_ones_still_are_fine(self):
        self.shake(self.worker.port, "-alpn", "stun.turn")

    def test_nothing_is_kept_or_said_too_much_before_the_cookie(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", self.worker.port))
            stranger.settimeout(5)
            piece = hello_piece()
            stranger.send(piece)
            answer = stranger.recv(2000)
            self.assertEqual((answer[0], answer[13]), (22, 3), "a HelloVerifyRequest")
            self.assertLess(len(answer), len(piece))
            cookie = answer[28:28 + answer[27]]
            self.assertEqual(len(cookie), 32)
            # Another's address, a made-up one, the wrong place: asked again, or nothing.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.connect(("127.0.0.1", self.worker.port))
                other.settimeout(5)
                other.send(hello_piece(cookie, sequence=1))
                self.assertEqual(other.recv(2000)[13], 3, "the cookie is another address's")
            stranger.settimeout(0.3)
            for hostile in (hello_piece(cookie, sequence=0), hello_piece(offset=7), hello_piece(length=100), hello_piece(length=0),
                            piece[:40], piece[:13], piece[:13] + b"\x02" + piece[14:]):
                stranger.send(hostile)
                with self.assertRaises(TimeoutError):
                    stranger.recv(2000)
            # The right one begins a handshake, of which nothing more comes; a thousand of those fill no table of others.
            for _ in range(300):
                stranger.send(hello_piece(cookie, sequence=1))
        self.assertTrue(self.worker.alive())
        self.shake(self.worker.port, "-mtu", "300", "-alpn", NAMES)


if __name__ == "__main__":
    os.environ.setdefault("OPENSSL_CONF", "/dev/null")
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
