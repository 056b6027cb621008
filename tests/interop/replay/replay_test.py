"""Captured calls of real browsers and phones, replayed through real calls over a relay worker: what left arrives, unchanged.
Usage: replay_test.py BINARIES CAPTURES"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

BINARIES, CAPTURES = (pathlib.Path(argument) for argument in (sys.argv.pop(1), sys.argv.pop(1)))
SIPP = pathlib.Path("/usr/share/sip-tester")
OPUS_KEY = "0x20C23467=FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji"
PCMA_KEY = "0xD092D296=7SYMKhu8sVMhCr4VXh+ZqkteB01QgqDSgLr4L9iU"


def replay(*arguments, status=0):
    done = subprocess.run([BINARIES / "carillon-replay", *arguments], capture_output=True, text=True, timeout=90)
    if done.returncode != status:
        raise AssertionError(f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Listing(unittest.TestCase):
    def test_every_packet_of_a_keyed_stream_opens(self):
        text = replay(CAPTURES / "webrtc-opus-srtp.pcap", "--key", OPUS_KEY)
        self.assertIn("501 packets", text)
        self.assertIn("opened", text)
        self.assertNotIn("not authentic", text)
        text = replay(CAPTURES / "webrtc-pcma-srtp.pcap", "--key", PCMA_KEY,
                      "--key", "0x522B93AB=bhn3DDDcf7GhHEnFkGLW9V223XncT60nJrTQK06x")
        self.assertIn("259 packets", text)
        self.assertIn("227 packets", text)
        self.assertEqual(text.count("opened"), 2)
        self.assertNotIn("not authentic", text)

    def test_digits_of_a_phone_are_read(self):
        for digit in "0123456789":
            text = replay(SIPP / f"dtmf_2833_{digit}.pcap")
            self.assertIn(f"digits {digit}", text)
        self.assertIn("digits #", replay(SIPP / "dtmf_2833_pound.pcap"))
        self.assertIn("digits *", replay(SIPP / "dtmf_2833_star.pcap"))

    def test_no_capture_is_said(self):
        replay(__file__, status=2)


class Simulated(unittest.TestCase):
    CAPTURE = CAPTURES / "webrtc-pcma-srtp.pcap"

    def simulate(self, *arguments, status=0):
        return replay(self.CAPTURE, "--key", PCMA_KEY, "--stream", "0xD092D296", "--simulate", *arguments, status=status)

    def test_the_same_in_gives_the_same_out(self):
        bad = ("--loss", "5", "--jitter", "60", "--reorder", "2", "--duplicate", "1", "--json")
        first, second = self.simulate(*bad), self.simulate(*bad)
        self.assertEqual(first, second)
        self.assertNotEqual(first, self.simulate(*bad, "--seed", "2"))

    def test_thresholds_decide(self):
        stream = json.loads(self.simulate("--json", "--max-loss", "0", "--identical"))["streams"][0]
        self.assertEqual((stream["sent"], stream["arrived"], stream["identical"]), (259, 259, 259))
        folder = tempfile.mkdtemp(prefix="carillon-replay-")
        junit, page = f"{folder}/report.xml", f"{folder}/report.html"
        try:
            self.simulate("--loss", "20", "--max-loss", "1", "--min-mos", "4", "--junit", junit, "--html", page, status=1)
            suite = ET.parse(junit).getroot()
            self.assertEqual((suite.get("tests"), suite.get("failures")), ("1", "1"))
            self.assertIn("lost, allowed are 1.00 %", suite.find("testcase/failure").get("message"))
            text = pathlib.Path(page).read_text()
            self.assertIn("failed", text)
            self.assertNotIn("<script", text)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class ThroughACall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARIES, 'relay = "always"')

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def call(self, capture, *arguments):
        text = replay(capture, "--call", f"juliet@{DOMAIN}", "--jid", f"romeo@{DOMAIN}", "--password", "romeo-secret",
                      "--answer", f"juliet@{DOMAIN}", "--answer-password", "juliet-secret", "--host", "127.0.0.1",
                      "--port", str(self.server.port), "--insecure", "--json", *arguments)
        return json.loads(text)["streams"][0]

    def arrived_whole(self, stream, packets):
        self.assertEqual((stream["sent"], stream["arrived"], stream["identical"]), (packets, packets, packets))
        self.assertEqual(self.server.calls()[0]["path"], "forward")

    def test_plain_rtp_of_a_phone(self):
        self.arrived_whole(self.call(SIPP / "g711a.pcap", "--raw-udp", "--bind", "127.0.0.1"), 236)

    def test_a_browsers_opus_is_encrypted_anew(self):
        stream = self.call(CAPTURES / "webrtc-opus-srtp.pcap", "--key", OPUS_KEY, "--bind", "127.0.0.1")
        self.arrived_whole(stream, 501)
        self.assertEqual(stream["arrived_figures"]["lost"], 0)
        self.assertIsNotNone(stream["arrived_figures"]["mos"])  # how high depends on what else this machine does

    def test_a_stream_without_its_key_is_carried_unopened(self):
        self.arrived_whole(self.call(CAPTURES / "webrtc-opus-srtp.pcap", "--stream", "0xE3B9FC5E", "--raw-udp", "--bind",
                                     "127.0.0.1"), 498)


if __name__ == "__main__":
    unittest.main(verbosity=2)
