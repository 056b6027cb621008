#!/usr/bin/python3
"""Chromium behind a router that lets no UDP through, and no TURN: its media takes ICE over TCP to the relay, and the other
end, carillon-phone (libnice), has UDP. In network namespaces.

Usage: ice_tcp_test.py BINARIES [unittest arguments]; exit status 77: there can be no laboratory here, and why.
"""
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

import nat_test
from lab import SERVER, Lab, refusal
from nat_test import DOMAIN, SPEECH, Phone, Server

CHROMIUM = pathlib.Path(__file__).resolve().parents[1] / "bridge" / "chromium_phone.py"
PORT = 4443


class Browser:
    """As Phone: with another's address it calls, without it answers."""

    def __init__(self, server, space, user, callee=None, seconds=4):
        self.output = server.work / f"{user}.out"
        command = ["/usr/bin/python3", CHROMIUM, "--jid", f"{user}@{DOMAIN}/phone", "--password", f"{user}-secret", "--host",
                   SERVER, "--trust", next(server.data.glob("**/*.crt")), "--play", SPEECH,
                   *(["--call", callee, "--seconds", seconds] if callee else [])]
        with open(self.output, "w") as out:
            self.process = subprocess.Popen(server.lab.command(space, command), stdout=out, stderr=subprocess.STDOUT)

    said, summary, stop = Phone.said, Phone.summary, Phone.stop


class IceTcp(unittest.TestCase):
    calls = ""

    @classmethod
    def setUpClass(cls):
        nat_test.TURN = "enabled = false\n"
        cls.lab = Lab(hosts=[DOMAIN])
        cls.addClassCleanup(cls.lab.close)
        cls.spaces = {"blocked": cls.lab.behind("blocked", "port-restricted", block_udp=True),
                      "symmetric": cls.lab.behind("symmetric", "symmetric"), "public": cls.lab.public("public")}
        cls.server = Server(cls.lab, cls.spaces, f"[relay]\nice_tcp_port = {PORT}\nstats_interval = \"1s\"\n")
        cls.addClassCleanup(cls.server.stop)

    def phone(self, user, *command):
        phone = Phone(self.server, self.spaces[user], user, *command)
        self.addCleanup(phone.stop)
        return phone

    def browser(self, *arguments, **more):
        browser = Browser(self.server, self.spaces["blocked"], "blocked", *arguments, **more)
        self.addCleanup(browser.stop)
        return browser

    def online(self, end, who):
        self.server.wait_for(lambda: "online" in end.said(), f"{who} does not log in: {end.said()}", 60)
        time.sleep(0.5)  # the server asks what the client can do

    def worker(self):
        return self.server.ctl("relay", "list")[0]

    def check(self, browser, phone):
        for end in (browser, phone):
            end.process.wait(120)
            self.assertEqual(end.process.returncode, 0, f"{browser.said()}\n{phone.said()}")
        web, heard = browser.summary(), phone.summary()
        self.assertEqual(web["protocol"], "tcp", web)
        self.assertGreater(web["packets_received"], 100, web)
        self.assertGreater(heard["packets_received"], 100, heard)
        self.assertLess(heard["packets_lost"], 0.1 * heard["packets_received"], heard)
        self.assertGreater(web["energy"], 0, web)
        self.server.wait_for(lambda: self.worker()["ice_tcp_connections"] == 0, "connections are left")

    def from_browser(self, callee, during=lambda: None, seconds=4):
        phone = self.phone(callee, "answer", "--count", 1, "--idle", 60)
        self.online(phone, callee)
        browser = self.browser(f"{callee}@{DOMAIN}/phone", seconds=seconds)
        self.server.wait_for(lambda: self.worker()["ice_tcp_connections"] > 0, "nobody comes over TCP", 60)
        during()
        self.check(browser, phone)

    def to_browser(self, caller):
        browser = self.browser()
        self.online(browser, "the browser")
        phone = self.phone(caller, "call", f"blocked@{DOMAIN}/phone", "--no-jmi", "--seconds", 4, "--connect-timeout", 40)
        self.check(browser, phone)

    def test_browser_without_udp_to_public(self):
        self.from_browser("public")

    def test_symmetric_to_browser_without_udp(self):
        self.to_browser("symmetric")


class Bridged(IceTcp):
    """The same where each end speaks to the relay itself."""

    @classmethod
    def setUpClass(cls):
        nat_test.CALLS = 'bridge = "always"\n'
        cls.addClassCleanup(setattr, nat_test, "CALLS", "")
        super().setUpClass()


if __name__ == "__main__":
    reason = refusal() or (None if shutil.which("chromium") else "chromium is not installed")
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
