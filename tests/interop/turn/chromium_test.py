#!/usr/bin/python3
"""Two Chromium pages that may use relays alone call one another through our TURN server, over UDP, TCP and TLS, and over TLS at
the port of HTTPS: audio and video arrive.  Usage: chromium_test.py BUILD_BIN_DIR"""
import base64
import hashlib
import hmac
import pathlib
import ssl
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "calls"))
from browser import Driver, PageServer
from server import Server
from turn_client import Client
from worker import PASSWORD, USER, Worker, free_port

BIN = sys.argv[1]


class SharingServer(Server):
    """With TURN, also at the port of HTTPS."""

    def __init__(self, binaries, https):
        self.https, self.stun, self.tls = https, free_port(), free_port()
        super().__init__(binaries, users=())

    def start(self):
        text = self.config.read_text().replace("https_port = 0", f"https_port = {self.https}")
        self.config.write_text(text.replace("stun_port = 0", f"stun_port = {self.stun}") + f"\n[turn]\ntls_port = {self.tls}\n")
        super().start()


class Chromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = PageServer()
        cls.addClassCleanup(cls.pages.stop)
        cls.driver = Driver()
        cls.addClassCleanup(cls.driver.stop)
        cls.one, cls.other = cls.driver.open(cls.pages.url), cls.driver.open(cls.pages.url)

    def call(self, url, protocol, user=USER, password=PASSWORD):
        for page in (self.one, self.other):
            page.reload()
        servers = [{"urls": url, "username": user, "credential": password}]
        offer = self.one.run("offer", servers)
        self.assertIn("typ relay", offer, "no relay candidate")
        answer = self.other.run("answer", servers, offer)
        self.assertIn("typ relay", answer, "no relay candidate")
        self.one.run("accept", answer)
        until = time.monotonic() + 60
        for page in (self.one, self.other):
            while True:
                seen = page.run("figures")
                if seen["state"] == "connected" and seen["audio"] >= 50 and seen["frames"] >= 10:
                    break
                self.assertLess(time.monotonic(), until, f"{url}: {seen}")
                time.sleep(0.2)
            self.assertEqual(seen["pair"]["type"], "relay")
            self.assertEqual(seen["pair"]["protocol"], protocol)
            self.assertIn(seen["pair"]["remote"], ("relay", "prflx"))

    def test_udp_tcp_and_tls(self):
        worker = Worker(BIN)
        self.addCleanup(worker.stop)
        for url, protocol in ((f"turn:127.0.0.1:{worker.port}?transport=udp", "udp"),
                              (f"turn:127.0.0.1:{worker.port}?transport=tcp", "tcp"),
                              (f"turns:127.0.0.1:{worker.tls_port}?transport=tcp", "tls")):
            with self.subTest(url=url):
                self.call(url, protocol)

    def test_at_the_port_of_https(self):
        https = free_port()
        server = SharingServer(BIN, https)
        self.addCleanup(server.stop)
        secret = (server.data / "turn.secret").read_text().strip()
        user = f"{int(time.time()) + 3600}:romeo"
        password = base64.b64encode(hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()).decode()
        # By ALPN, in the clear, and pages as before.
        by_alpn = Client(("127.0.0.1", https), "tls", user=user, password=password)
        self.addCleanup(by_alpn.close)
        self.assertEqual(by_alpn.allocate().code(), 0)
        plain = Client(("127.0.0.1", https), "tcp", user=user, password=password)
        self.addCleanup(plain.close)
        self.assertEqual(plain.allocate().code(), 0)
        self.assertEqual(plain.bind(0x4001, by_alpn.relayed), 0)
        self.assertEqual(by_alpn.permit(plain.relayed), 0)
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(f"https://127.0.0.1:{https}/health", timeout=10, context=trusting) as page:
            self.assertEqual(page.status, 200)
        # Chromium offers no protocol: what it says first tells.
        self.call(f"turns:127.0.0.1:{https}?transport=tcp", "tls", user, password)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
