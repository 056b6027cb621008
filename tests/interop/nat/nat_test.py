#!/usr/bin/python3
"""Calls through NATs, without UDP, between IPv4 and IPv6, across a change of address, over a bad line: carillon-phone
(libnice) at both ends, a server on the public network, in network namespaces.

Usage: nat_test.py BINARIES [unittest arguments]; exit status 77: there can be no laboratory here, and why.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from lab import SERVER, SERVER6, Lab, refusal

BINARIES = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/dev/bin")
DOMAIN = "montague.test"
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
CALLS = TURN = ""  # more settings
NETWORKS = '["203.0.113.0/24", "2001:db8::/32"]'  # they are reserved, and so not public to TURN


class Server:
    def __init__(self, lab, users, settings=""):
        self.lab = lab
        self.folder = tempfile.TemporaryDirectory(prefix="carillon-nat-")
        self.work = pathlib.Path(self.folder.name)
        self.data = self.work / "data"
        (self.work / "carillon.toml").write_text(f"""
[network]
bind = ["{SERVER}", "{SERVER6}"]
[[host]]
domain = "{DOMAIN}"
[turn]
{TURN}allow = {NETWORKS}
[module.calls]
relay = "always"
{CALLS}[federation]
port = 0
tls_port = 0
{settings}""")
        self.log = open(self.work / "log", "a+")
        self.process = subprocess.Popen(
            lab.command(lab.server, [BINARIES / "carillond", "--data", self.data, "--config", self.work / "carillon.toml"]),
            stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_for(lambda: (self.data / "carillond.sock").exists(), "carillond does not start")
        self.wait_for(lambda: any(one["state"] == "up" for one in self.ctl("relay", "list")), "no relay worker")
        for user in users:
            self.ctl("user", "add", f"{user}@{DOMAIN}", "--password", f"{user}-secret")

    def ctl(self, *arguments):
        done = subprocess.run([BINARIES / "carillonctl", "--data", self.data, *arguments, "--json"], capture_output=True,
                              text=True, timeout=30)
        if done.returncode:
            raise AssertionError(f"carillonctl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def wait_for(self, reached, what, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if reached():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{what}\n{(self.work / 'log').read_text()[-4000:]}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        self.folder.cleanup()


class Phone:
    def __init__(self, server, space, user, *command):
        """Another's address as the last word of the command: calls; without: answers."""
        self.output = server.work / f"{user}.out"
        trust = next(server.data.glob("**/*.crt"))
        host = SERVER6 if user.endswith("6") else SERVER
        way = [] if {"--ice", "--raw-udp"} & set(command) else ["--ice"]
        with open(self.output, "w") as out:
            self.process = subprocess.Popen(server.lab.command(space, [
                BINARIES / "carillon-phone", *command, "--jid", f"{user}@{DOMAIN}/phone", "--password", f"{user}-secret",
                "--host", host, "--trust", trust, "--play", SPEECH, "--loop", "--codec", "pcma", "--json", *way]),
                stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        return self.output.read_text()

    def summary(self):
        text = self.said()
        return json.loads(text[text.index("{"):text.rindex("}") + 1])

    def stop(self):
        self.process.kill()
        self.process.wait(10)


class Nat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(hosts=[DOMAIN])
        cls.addClassCleanup(cls.lab.close)
        make = {
            "public": lambda name: cls.lab.public(name),
            "cone": lambda name: cls.lab.behind(name, "full-cone"),
            "restricted": lambda name: cls.lab.behind(name, "port-restricted"),
            "symmetric": lambda name: cls.lab.behind(name, "symmetric"),
            "blocked": lambda name: cls.lab.behind(name, "port-restricted", block_udp=True),
            "moving": lambda name: cls.lab.behind(name, "port-restricted"),
            "badline": lambda name: cls.lab.over_a_bad_line(name, loss=0.1, jitter=0.1),
            "only6": lambda name: cls.lab.public(name, family=6),
        }
        cls.spaces = {name: builder(name) for name, builder in make.items()}
        cls.spaces["second"] = cls.lab.behind("second", "symmetric")
        cls.server = Server(cls.lab, cls.spaces)
        cls.addClassCleanup(cls.server.stop)

    def call(self, caller, callee, seconds=4, meanwhile=None, more=()):
        """Both ends' summaries of a call that went well."""
        answerer = Phone(self.server, self.spaces[callee], callee, "answer", "--count", 1, "--idle", 60)
        self.addCleanup(answerer.stop)
        self.server.wait_for(lambda: "online" in answerer.said(), f"{callee} does not log in", 60)
        time.sleep(0.5)  # the server asks what the client can do
        asker = Phone(self.server, self.spaces[caller], caller, "call", f"{callee}@{DOMAIN}/phone", "--no-jmi", "--seconds",
                      seconds, "--connect-timeout", 40, *more)
        self.addCleanup(asker.stop)
        if meanwhile:
            self.server.wait_for(lambda: any(one["packets"] > 50 for one in self.server.ctl("call", "list")), "no sound", 60)
            meanwhile()
        for phone in (asker, answerer):
            phone.process.wait(120)
            self.assertEqual(phone.process.returncode, 0, f"{caller} to {callee}\n{asker.said()}\n{answerer.said()}")
        return asker.summary(), answerer.summary()

    def clean(self, caller, callee):
        for summary in self.call(caller, callee):
            self.assertLess(summary["packets_lost"], 0.1 * summary["packets_received"], summary)

    def test_full_cone_to_symmetric(self):
        self.clean("cone", "symmetric")

    def test_symmetric_to_symmetric(self):
        self.clean("symmetric", "second")

    def test_port_restricted_to_public(self):
        self.clean("restricted", "public")

    def test_without_udp_to_symmetric(self):
        self.clean("blocked", "symmetric")

    def test_symmetric_to_without_udp(self):
        self.clean("symmetric", "blocked")

    def test_ipv6_only_to_ipv4_only(self):
        self.clean("only6", "public")

    def test_ipv4_behind_nat_to_ipv6_only(self):
        self.clean("symmetric", "only6")

    def test_the_address_changes_in_the_middle(self):
        """ICE restarts, as a phone does that finds itself in another network: sound goes on."""
        before = time.monotonic()
        asker, answerer = self.call("moving", "cone", seconds=14, more=("--restart-after", "7"),
                                    meanwhile=lambda: self.lab.move(self.spaces["moving"]))
        self.assertGreater(time.monotonic() - before, 10)
        for summary in (asker, answerer):
            # 700 packets; 2.5 s and the time to be found again are missing.
            self.assertGreater(summary["packets_received"], 350, summary)

    def test_ten_percent_loss_and_jitter(self):
        asker, answerer = self.call("badline", "restricted", seconds=8)
        for summary in (asker, answerer):
            self.assertGreater(summary["packets_received"], 250, summary)
            self.assertGreater(summary["loss"], 0.02, "the line is a bad one")
            self.assertLess(summary["loss"], 0.3, summary)
            print(f"bad line, {summary['direction']}: loss {summary['loss']:.3f}, jitter {summary['jitter_ms']:.0f} ms, concealed "
                  f"{summary['packets_concealed']}, MOS {summary['mos']:.2f}")


if __name__ == "__main__":
    reason = refusal()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
