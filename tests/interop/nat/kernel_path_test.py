#!/usr/bin/python3
"""Calls whose media the kernel forwards between network devices: carillon-phone at both ends, libnice for ICE, in network
namespaces. What a datagram looks like on the wire (checksums, hops) is read by tcpdump's reader, tshark.

Usage: kernel_path_test.py BINARIES [unittest arguments]; exit status 77: it cannot be done here, and why.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import nat_test
from lab import Lab, refusal
from nat_test import DOMAIN, Phone, Server


def capabilities():
    """Why the kernel will not have the program; None when it will."""
    lines = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines() if ":" in line)
    held = int(lines["CapEff"], 16)
    if not (held >> 12 & 1 and (held >> 39 & 1 or held >> 21 & 1)):
        return "CAP_NET_ADMIN and CAP_BPF are needed"
    return None


class KernelPath(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(hosts=[DOMAIN])
        cls.addClassCleanup(cls.lab.close)
        cls.spaces = {"one": cls.lab.public("one"), "two": cls.lab.public("two"), "far": cls.lab.behind("far", "symmetric"),
                      "first6": cls.lab.public("first6", family=6), "other6": cls.lab.public("other6", family=6)}
        # A packet that the kernel sends on is not summed by the device of a virtual cable: let the senders do it.
        for space in [*cls.spaces.values(), cls.lab.server]:
            subprocess.run(["ip", "netns", "exec", space, "ethtool", "-K", "eth0", "tx", "off"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        cls.server = Server(cls.lab, cls.spaces, '[relay]\nkernel_path = ["eth0"]\nstats_interval = "1s"\n')
        cls.addClassCleanup(cls.server.stop)
        said = [line for line in (cls.server.work / "log").read_text().split("\n") if "the kernel does not forward media" in line]
        if said:
            raise unittest.SkipTest(said[0])

    def worker(self):
        return self.server.ctl("relay", "list")[0]

    def call(self, caller, callee, seconds, meanwhile, asks=(), answers=()):
        answerer = Phone(self.server, self.spaces[callee], callee, "answer", "--count", 1, "--idle", 60, *answers)
        self.addCleanup(answerer.stop)
        self.server.wait_for(lambda: "online" in answerer.said(), f"{callee} does not log in", 60)
        time.sleep(0.5)  # the server asks what the client can do
        asker = Phone(self.server, self.spaces[caller], caller, "call", f"{callee}@{DOMAIN}/phone", "--no-jmi", "--seconds",
                      seconds, "--connect-timeout", 40, *asks)
        self.addCleanup(asker.stop)
        self.server.wait_for(lambda: self.worker().get("kernel_flows") == 2, "the kernel gets no flows", 60)
        meanwhile()
        for phone in (asker, answerer):
            phone.process.wait(120)
            self.assertEqual(phone.process.returncode, 0, f"{asker.said()}\n{answerer.said()}")
        self.server.wait_for(lambda: self.worker().get("kernel_flows") == 0, "flows are left")
        return asker.summary(), answerer.summary()

    def clean(self, caller, callee, asks=(), answers=()):
        """All sound arrives, and the call's figures are those of the ends though the worker has seen few packets."""
        figures = {}

        def look():
            before = self.worker()
            time.sleep(4)
            after = self.worker()
            figures["kernel"] = after["packets"] - before["packets"]
            self.server.wait_for(lambda: self.server.ctl("call", "list")[0]["packets"] > 300, "the call's own figures stay behind")

        for summary in self.call(caller, callee, 14, look, asks, answers):
            self.assertGreater(summary["packets_received"], 350, summary)
            self.assertLessEqual(summary["packets_lost"], 2, summary)
        self.assertGreater(figures["kernel"], 300, "two ends, 50 packets a second each")

    def test_ipv4(self):
        self.clean("one", "two")

    def test_through_a_symmetric_nat(self):
        self.clean("far", "one")

    def test_ipv6(self):
        self.clean("first6", "other6")

    def test_legs_that_end_here(self):
        """What the one end has sealed for the relay, the kernel opens, and seals it for the other."""
        for asks, answers in ((["--ice"], ["--raw-udp"]), (["--raw-udp", "--sdes"], ["--ice"]), (["--ice", "--sdes"], ["--ice"])):
            with self.subTest(asks=asks, answers=answers):
                self.clean("one", "two", asks, answers)

    def test_legs_that_end_here_ipv6(self):
        self.clean("first6", "other6", ["--ice"], ["--ice", "--sdes"])

    def test_ipv4_to_ipv6_stays_in_the_worker(self):
        answerer = Phone(self.server, self.spaces["other6"], "other6", "answer", "--count", 1, "--idle", 60)
        self.addCleanup(answerer.stop)
        self.server.wait_for(lambda: "online" in answerer.said(), "no log-in", 60)
        time.sleep(0.5)
        asker = Phone(self.server, self.spaces["one"], "one", "call", f"other6@{DOMAIN}/phone", "--no-jmi", "--seconds", 4,
                      "--connect-timeout", 40)
        self.addCleanup(asker.stop)
        for phone in (asker, answerer):
            phone.process.wait(120)
            self.assertEqual(phone.process.returncode, 0, f"{asker.said()}\n{answerer.said()}")
            self.assertGreater(phone.summary()["packets_received"], 150)

    def test_the_worker_is_killed(self):
        self.killed()

    def test_the_worker_of_legs_that_end_here_is_killed(self):
        self.killed(["--ice"], ["--raw-udp", "--sdes"])

    def killed(self, asks=(), answers=()):
        """Its successor takes the calls up, first by itself and then in the kernel again; nobody notices."""
        def kill():
            pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and self.is_worker(int(pid))]
            self.assertEqual(len(pids), 1)
            os.kill(pids[0], signal.SIGKILL)
            self.server.wait_for(lambda: not self.is_worker(pids[0]), "it lives")
            self.server.wait_for(lambda: self.worker().get("kernel_flows") == 2, "flows do not come back", 30)
            time.sleep(2)

        for summary in self.call("one", "two", 10, kill, asks, answers):
            self.assertLess(summary["packets_lost"], 25, summary)  # half a second
            print(f"worker killed: {summary['packets_lost']} of {summary['packets_received']} packets lost")

    def is_worker(self, pid):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return words[0].endswith(b"carillon-relay") and str(self.server.data).encode() in b" ".join(words)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_datagrams_are_whole(self):
        self.whole()

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_datagrams_of_legs_that_end_here_are_whole(self):
        """They have become longer or shorter."""
        self.whole(["--ice"], ["--raw-udp"])
        self.whole(["--raw-udp"], ["--ice", "--sdes"])

    def whole(self, asks=(), answers=()):
        """Checksums hold on the wire, and the time to live is one less than it came with."""
        file = tempfile.NamedTemporaryFile(suffix=".pcapng")
        self.addCleanup(file.close)

        def look():
            subprocess.run(self.lab.command(self.spaces["two"], ["tshark", "-q", "-i", "eth0", "-f", "udp", "-c", "500", "-a",
                                                                 "duration:8", "-w", file.name]), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        self.call("one", "two", 12, look, asks, answers)  # a nomination may take the flow back for a while
        rows = subprocess.run(["tshark", "-r", file.name, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T",
                               "fields", "-e", "ip.src", "-e", "ip.ttl", "-e", "ip.checksum.status", "-e", "udp.checksum.status"],
                              capture_output=True, text=True, check=True).stdout.split("\n")
        relayed = [row.split("\t") for row in rows if row.startswith(nat_test.SERVER)]
        self.assertGreater(len(relayed), 20)
        self.assertTrue(all(row[2] == "1" for row in relayed), "checksums of IP")
        self.assertTrue(all(row[3] == "1" for row in relayed), "checksums of UDP")
        self.assertIn("63", {row[1] for row in relayed})


if __name__ == "__main__":
    reason = refusal() or capabilities()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
