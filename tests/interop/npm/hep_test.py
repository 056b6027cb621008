#!/usr/bin/python3
"""What a HOMER server would get of a call, decoded by the library of HOMER's makers (hep-js): the Jingle stanzas and the
reports of media, tied together by the session's id, without keys.  Skipped as npm_test.py says.
Usage: hep_test.py FOLDER_OF_PROGRAMS FOLDER_FOR_PACKAGES"""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from npm_test import SKIPPED, install  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

BIN, PACKAGES = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
KEY = "for-homer"


class Homer:
    """A UDP socket whose datagrams become a capture file."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.got = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                self.got.append(self.socket.recv(70000))
            except OSError:
                return

    def decode(self):
        done = subprocess.run(["node", HERE / "hep.mjs", PACKAGES], input="".join(one.hex() + "\n" for one in self.got),
                              capture_output=True, text=True, check=True, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]


class Hep(unittest.TestCase):
    def setUp(self):
        self.homer = Homer()
        self.addCleanup(self.homer.socket.close)
        self.server = Server(BIN, 'relay = "always"\ntick = "1 s"',
                             more=f'[hep]\nserver = "127.0.0.1:{self.homer.port}"\nagent = 2077\nkey = "{KEY}"')
        self.addCleanup(self.server.stop)

    def phone(self, *command, transport=("--ice", "--sdes")):
        trust = next(self.server.data.glob("**/*.crt"))
        out = open(self.server.work / (command[0] + ".out"), "w")
        return subprocess.Popen([BIN / "carillon-phone", *map(str, command), "--host", "127.0.0.1", "--port", str(self.server.port),
                                 "--trust", trust, "--bind", "127.0.0.1", "--json", "--loop", "--play", SPEECH, *transport],
                                stdout=out, stderr=subprocess.STDOUT)

    def test_a_call_as_homer_reads_it(self):
        callee = self.phone("answer", "--count", 1, "--idle", 60, "--jid", f"juliet@{DOMAIN}/x", "--password", "juliet-secret")
        self.addCleanup(callee.kill)
        self.server.wait_for(lambda: "online" in (self.server.work / "answer.out").read_text(), "nobody there")
        time.sleep(0.3)
        caller = self.phone("call", f"juliet@{DOMAIN}/x", "--no-jmi", "--seconds", 5, "--jid", f"romeo@{DOMAIN}/y", "--password",
                            "romeo-secret")
        self.addCleanup(caller.kill)
        self.assertEqual((caller.wait(60), callee.wait(60)), (0, 0), (self.server.work / "call.out").read_text())
        self.server.wait_for(lambda: any(b"session-terminate" in one for one in self.homer.got), "not all of it has come", 20)
        packets = self.homer.decode()
        sid = re.search(r"""\bsid=['"]([^'"]+)""", packets[0]["payload"]).group(1)
        self.assertEqual(len(packets), len(self.homer.got))
        for packet in packets:
            told = packet["rcinfo"]
            self.assertEqual((told["captureId"], told["correlation_id"], told["capturePass"]), (2077, sid, KEY), packet)
            self.assertEqual((told["protocolFamily"], told["protocol"]), (2, 17), packet)
            self.assertLess(abs(told["timeSeconds"] - time.time()), 120)
        stanzas = "".join(packet["payload"] for packet in packets if packet["rcinfo"]["payloadType"] == 2)
        for action in ("session-initiate", "session-accept", "session-terminate"):
            self.assertIn(action, stanzas)
        self.assertIn("***", stanzas)
        self.assertNotIn("inline:", stanzas, "a key")
        measured = [packet for packet in packets if packet["rcinfo"]["payloadType"] == 5]
        reports = [json.loads(packet["payload"]) for packet in measured]
        self.assertTrue(any(packet["rcinfo"]["srcIp"] == "127.0.0.1" and packet["rcinfo"]["dstPort"] > 0 for packet in measured))
        self.assertTrue(any(packet["rcinfo"].get("mos", 0) > 400 for packet in measured), measured)
        self.assertEqual({report["from"] for report in reports}, {"caller", "callee"})
        self.assertGreater(max(report["packets"] for report in reports), 100)
        self.assertTrue(all(report["sid"] == sid and report["report_blocks"][0]["packets_lost"] == 0 for report in reports), reports)

    def test_what_the_ends_of_a_bridged_call_report_goes_along(self):
        callee = self.phone("answer", "--count", 1, "--idle", 60, "--jid", f"juliet@{DOMAIN}/x", "--password", "juliet-secret")
        self.addCleanup(callee.kill)
        self.server.wait_for(lambda: "online" in (self.server.work / "answer.out").read_text(), "nobody there")
        time.sleep(0.3)
        caller = self.phone("call", f"juliet@{DOMAIN}/x", "--no-jmi", "--seconds", 8, "--jid", f"romeo@{DOMAIN}/y", "--password",
                            "romeo-secret", transport=["--raw-udp"])
        self.addCleanup(caller.kill)
        self.assertEqual((caller.wait(60), callee.wait(60)), (0, 0), (self.server.work / "call.out").read_text())
        self.server.wait_for(lambda: any(b"session-terminate" in one for one in self.homer.got), "not all of it has come", 20)
        packets = self.homer.decode()
        sid = packets[0]["rcinfo"]["correlation_id"]
        told = [packet for packet in packets if packet["rcinfo"]["payloadType"] == 5 and '"endpoint"' in packet["payload"]]
        reports = [json.loads(packet["payload"]) for packet in told]
        self.assertEqual({report["from"] for report in reports}, {"caller", "callee"}, reports)
        self.assertTrue(all(packet["rcinfo"]["correlation_id"] == sid and packet["rcinfo"]["srcPort"] > 0 for packet in told), told)
        senders = [report for report in reports if report["type"] == 200]
        self.assertTrue(any(report["sender_information"]["packets"] > 20 for report in senders), reports)
        blocks = [block for report in reports for block in report["report_blocks"]]
        self.assertTrue({block["source_ssrc"] for block in blocks} <= {report["ssrc"] for report in reports}, reports)
        self.assertTrue(any(block["highest_seq_no"] > 0 for block in blocks), reports)

    def test_a_server_that_is_not_there_costs_the_call_nothing(self):
        self.homer.socket.close()
        callee = self.phone("answer", "--count", 1, "--idle", 60, "--jid", f"juliet@{DOMAIN}/x", "--password", "juliet-secret")
        self.addCleanup(callee.kill)
        self.server.wait_for(lambda: "online" in (self.server.work / "answer.out").read_text(), "nobody there")
        time.sleep(0.3)
        caller = self.phone("call", f"juliet@{DOMAIN}/x", "--no-jmi", "--seconds", 1, "--jid", f"romeo@{DOMAIN}/y", "--password",
                            "romeo-secret")
        self.addCleanup(caller.kill)
        self.assertEqual((caller.wait(60), callee.wait(60)), (0, 0), (self.server.work / "call.out").read_text())


if __name__ == "__main__":
    missing = [program for program in ("node", "npm") if not shutil.which(program)] or install(PACKAGES)
    if missing:
        print(f"skipped: {missing}")
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
