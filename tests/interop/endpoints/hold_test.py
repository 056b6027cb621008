#!/usr/bin/python3
"""A phone puts the other end on hold in a call that the relay ends on both sides: the other end hears the music of the
configuration, and afterwards the phone again. Bridged (nothing is decoded) and transcoded. Last in a call whose worker is killed
after the music: its successor knows how far the numbers have moved.

Usage: hold_test.py DIR_WITH_PROGRAMS [CALL...]. The phone is carillon-phone (libnice), the other end aiortc with slixmpp, which
writes one recording of all it hears.
"""
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import wave

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/demo-instruct.wav"
MUSIC = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
ANSWERER = HERE.parents[1] / "media/interop/aiortc_answer.py"
BEFORE, HOLD, AFTER = 4, 5, 5
ENDS = 1.2  # left out where one turns into the other: delays, and the time that the word takes

# name: how the phone calls, how alike what is heard has to be, the path that the call's record tells
CALLS = {
    "bridged_opus": (["--codec", "opus"], 0.6, "bridge"),
    "bridged_pcmu": (["--codec", "pcmu"], 0.6, "bridge"),
    "transcoded": (["--codec", "g722"], 0.6, "transcode"),
    "killed": (["--codec", "opus"], 0.6, "bridge"),
}
# Of this process alone, and none that the system gives to others: a worker that died finds its ports free again.
PORTS = 12000 + os.getpid() % 170 * 100


class Call:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.work = server.work / name
        self.work.mkdir()
        self.trust = next(server.data.glob("**/*.crt"))

    def account(self, role):
        return ["--jid", f"{self.name}-{role}@{DOMAIN}/{role}", "--password", f"{self.name}-{role}-secret", "--host", "127.0.0.1",
                "--port", str(self.server.port), "--trust", self.trust]

    def answer(self):
        return subprocess.Popen(
            ["/usr/bin/python3", ANSWERER, *self.account("callee"), "--play", MUSIC, "--record", self.work / "heard.wav",
             "--patience", "100"], stdout=open(self.work / "out", "w"), stderr=open(self.work / "err", "w"))

    def said(self):
        return (self.work / "out").read_text() + (self.work / "err").read_text()

    def kill_worker(self):
        self.server.wait_for(lambda: any(call["state"] == "active" and call["caller"].startswith(self.name) for call in self.server.calls()), "no call")
        time.sleep(BEFORE + HOLD + 0.5)
        os.kill(self.server.worker_pid(), signal.SIGKILL)

    def run(self):
        options, least, path = CALLS[self.name]
        answering = self.answer()
        try:
            self.server.wait_for(lambda: "online" in self.said(), f"{self.name}: the callee is not online", 40)
            if self.name == "killed":
                threading.Thread(target=self.kill_worker, daemon=True).start()
            done = subprocess.run(
                [self.server.bin / "carillon-phone", "call", f"{self.name}-callee@{DOMAIN}/callee", *self.account("caller"), "--no-jmi",
                 "--ice", "--bind", "127.0.0.1", "--json", "--play", SPEECH, "--hold-after", str(BEFORE), "--hold-for", str(HOLD),
                 "--seconds", str(BEFORE + HOLD + AFTER), *options], capture_output=True, text=True, timeout=90)
            assert done.returncode == 0, f"{self.name}: {done.stdout}{done.stderr}\n{self.said()}\n{self.server.log_text()}"
            assert answering.wait(40) == 0, f"{self.name}: {self.said()}"
        finally:
            answering.kill()
        heard = {"before": self.alike(SPEECH, ENDS, BEFORE - ENDS), "hold": self.alike(MUSIC, BEFORE + ENDS, BEFORE + HOLD - ENDS),
                 "after": self.alike(SPEECH, BEFORE + HOLD + ENDS, BEFORE + HOLD + AFTER - ENDS)}
        assert min(heard.values()) > least, f"{self.name}: {heard}"
        return f"{self.name}: {heard}", path

    def alike(self, played, begin, end):
        """Between these seconds of what was heard; of a recording that is longer."""
        piece = self.work / f"{begin}.wav"
        with wave.open(str(self.work / "heard.wav")) as heard, wave.open(str(piece), "wb") as out:
            out.setparams(heard.getparams())
            heard.setpos(int(begin * heard.getframerate()))
            out.writeframes(heard.readframes(int((end - begin) * heard.getframerate())))
        done = subprocess.run([self.server.bin / "carillon-phone", "compare", "--json", "--least", "-1", piece, played],
                              capture_output=True, text=True, check=True, timeout=60)
        result = json.loads(done.stdout)
        return result["correlation"]


def main():
    chosen = [name for name in CALLS if not sys.argv[2:] or name in sys.argv[2:]]
    server = Server(sys.argv[1], calls=f'bridge = "always"\nhold_music = "{MUSIC}"', workers=f"port_min = {PORTS}\nport_max = {PORTS + 99}\n",
                    users=[f"{name}-{role}" for name in chosen for role in ("caller", "callee")])
    try:
        paths = []
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for result, path in pool.map(lambda name: Call(server, name).run(), [name for name in chosen if name != "killed"]):
                print("ok     ", result, flush=True)
                paths.append(path)
        if "killed" in chosen:
            result, path = Call(server, "killed").run()
            assert "go on streams=1 of=1" in server.log_text(), server.log_text()
            print("ok     ", result, flush=True)
            paths.append(path)
        calls = server.calls()
        assert sorted(call["path"] for call in calls) == sorted(paths), calls
        assert all(call["end_reason"] == "success" for call in calls) if "end_reason" in calls[0] else True, calls
    finally:
        server.stop()


if __name__ == "__main__":
    main()
