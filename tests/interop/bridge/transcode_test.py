#!/usr/bin/python3
"""Calls between ends that share no codec: the server offers again what it can turn into what the caller speaks. Each end
says a recording and records what it hears.

Usage: transcode_test.py DIR_WITH_PROGRAMS [PAIRING...]. The phones are carillon-phone (libnice) and aiortc.
"""
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
SECONDS = 5

# name: what the caller and the callee speak, how alike what they hear has to be
PAIRINGS = {
    "opus_to_pcmu": (["--ice", "--codec", "opus"], ["--ice", "--codec", "pcmu"], 0.7),
    "pcmu_to_opus": (["--raw-udp", "--codec", "pcmu"], ["--raw-udp", "--codec", "opus"], 0.7),
    "opus_to_g722": (["--ice", "--codec", "opus"], ["--ice", "--codec", "g722"], 0.7),
    "pcma_to_g722": (["--raw-udp", "--codec", "pcma"], ["--raw-udp", "--codec", "g722"], 0.9),
    "pcmu_to_l16": (["--raw-udp", "--sdes", "--codec", "pcmu"], ["--raw-udp", "--sdes", "--codec", "l16"], 0.9),
    # Ends that differ in transport as well: the first offer is extended, nobody has to refuse.
    "opus_to_raw_pcma": (["--ice", "--codec", "opus"], ["--raw-udp", "--codec", "pcma"], 0.7),
}


class Pairing:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.work = server.work / name
        self.work.mkdir()

    def start(self, role, *command):
        out = open(self.work / f"{role}.out", "w")
        err = open(self.work / f"{role}.err", "w")
        trust = next(self.server.data.glob("**/*.crt"))
        return subprocess.Popen(
            list(map(str, [self.server.bin / "carillon-phone", *command, "--jid", f"{self.name}-{role}@{DOMAIN}/{role}", "--password",
                           f"{self.name}-{role}-secret", "--host", "127.0.0.1", "--port", self.server.port, "--trust", trust, "--bind",
                           "127.0.0.1", "--json", "--play", SPEECH, "--record", self.work / f"heard-by-{role}.wav"])),
            stdout=out, stderr=err)

    def said(self, role):
        return (self.work / f"{role}.out").read_text() + (self.work / f"{role}.err").read_text()

    def alike(self, role):
        done = subprocess.run([self.server.bin / "carillon-phone", "compare", "--json", "--least", "-1", SPEECH,
                               self.work / f"heard-by-{role}.wav"], capture_output=True, text=True, check=True, timeout=60)
        result = json.loads(done.stdout)
        assert result["overlap_seconds"] > SECONDS - 2, f"{self.name}: {role} heard {result['overlap_seconds']} s"
        return result["correlation"]

    def run(self):
        caller, callee, least = PAIRINGS[self.name]
        # What is refused first counts as a call of the answering phone's.
        answering = self.start("callee", "answer", "--idle", 60, *callee)
        try:
            self.server.wait_for(lambda: "online" in self.said("callee"), f"{self.name}: callee is not online", 40)
            time.sleep(0.5)  # the server asks what the client can do
            calling = self.start("caller", "call", f"{self.name}-callee@{DOMAIN}/callee", "--no-jmi", "--seconds", SECONDS, *caller)
            try:
                status = calling.wait(60)
            finally:
                calling.kill()
            assert status == 0, f"{self.name}: {status}\n{self.said('caller')}\n{self.said('callee')}\n{self.server.log_text()}"
            self.server.wait_for(lambda: '"ok":true' in self.said("callee"), f"{self.name}: {self.said('callee')}")
        finally:
            answering.kill()
        heard = [self.alike(role) for role in ("caller", "callee")]
        assert min(heard) > least, f"{self.name}: {heard}"
        summary = json.loads(self.said("caller")[self.said("caller").index("{"):])
        assert summary["loss"] < 0.02, f"{self.name}: {summary}"
        return f"{self.name}: {heard}"


def main():
    binaries = pathlib.Path(sys.argv[1])
    chosen = [name for name in PAIRINGS if not sys.argv[2:] or name in sys.argv[2:]]
    server = Server(binaries, users=[f"{name}-{role}" for name in chosen for role in ("caller", "callee")])
    try:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for result in pool.map(lambda name: Pairing(server, name).run(), chosen):
                print("ok     ", result, flush=True)
        calls = server.calls()
        assert {call["path"] for call in calls} == {"transcode"} and len(calls) == len(chosen), calls
        assert all(" | " in call["codec"] for call in calls), calls
    finally:
        server.stop()


if __name__ == "__main__":
    main()
