#!/usr/bin/python3
"""Two Chromium pages that may use relays alone call one another through our TURN server, over UDP, TCP and TLS: audio and video arrive.  Usage: chromium_test.py BUILD_BIN_DIR"""
import sys
import time
import unittest

from browser import Driver, PageServer
from worker import PASSWORD, USER, Worker

BIN = sys.argv[1]


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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
