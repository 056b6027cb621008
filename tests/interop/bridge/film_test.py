#!/usr/bin/python3
"""Video calls between ends that share no video codec: the relay decodes and encodes between them. What arrives is what was
sent, picture by picture, and a key frame comes when it is asked for.

Usage: film_test.py DIR_WITH_PROGRAMS [PAIRING...]. The ends are aiortc with one video codec each, and Chromium with VP9 alone.
"""
import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
SECONDS = 8
AIORTC, CHROMIUM = HERE / "aiortc_film.py", HERE / "chromium_film.py"

# name: programs and codecs of the caller and the callee; what the record says
PAIRINGS = {
    "h264_to_vp8": ((AIORTC, "H264"), (AIORTC, "VP8"), "H264 | VP8"),
    "vp8_to_h264": ((AIORTC, "VP8"), (AIORTC, "H264"), "VP8 | H264"),
    "vp8_to_vp9": ((AIORTC, "VP8"), (CHROMIUM, "VP9"), "VP8 | VP9"),
    "vp9_to_h264": ((CHROMIUM, "VP9"), (AIORTC, "H264"), "VP9 | H264"),
}


class Pairing:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.work = server.work / name
        self.work.mkdir()

    def start(self, role, end, *more):
        program, codec = end
        out, err = open(self.work / f"{role}.out", "w"), open(self.work / f"{role}.err", "w")
        trust = next(self.server.data.glob("**/*.crt"))
        return subprocess.Popen(
            list(map(str, ["/usr/bin/python3", program, "--jid", f"{self.name}-{role}@{DOMAIN}/{role}", "--password",
                           f"{self.name}-{role}-secret", "--host", "127.0.0.1", "--port", self.server.port, "--trust", trust, "--play",
                           SPEECH, "--video", codec, *more])), stdout=out, stderr=err)

    def said(self, role):
        return (self.work / f"{role}.out").read_text() + (self.work / f"{role}.err").read_text()

    def summary(self, role):
        text = (self.work / f"{role}.out").read_text()
        assert "{" in text, f"{self.name}: {role}: {self.said(role)}"
        return json.loads(text[text.index("{"):])

    def run(self):
        caller, callee, _ = PAIRINGS[self.name]
        answering = self.start("callee", callee)
        try:
            self.server.wait_for(lambda: "online" in self.said("callee"), f"{self.name}: callee is not online", 60)
            time.sleep(0.5)  # the server asks what the client can do
            calling = self.start("caller", caller, "--call", f"{self.name}-callee@{DOMAIN}/callee", "--seconds", SECONDS)
            try:
                status = calling.wait(120), answering.wait(60)
            finally:
                calling.kill()
        finally:
            answering.kill()
        whole = f"{self.name}: {status}\n{self.said('caller')}\n{self.said('callee')}\n{self.server.log_text()[-3000:]}"
        assert status == (0, 0), whole
        seen = {role: self.summary(role) for role in ("caller", "callee")}
        assert seen["callee"]["refused"] == 1, f"the first offer has no codec for the callee: {whole}"
        for role, each in seen.items():
            # On a machine with much to do pictures are left out or made smaller; those that are whole are as they were.
            assert each["frames"] > 20 and each["recognised"] + each["other_size"] > 8, whole
            assert each["recognised"] < 5 or each["in_order"] > 0.95, whole
            if PAIRINGS[self.name][role == "callee"][0] == CHROMIUM:  # it tells neither noise nor when its requests were answered
                assert each["keys"] >= 1 and each["frames"] > 20, whole
                continue
            assert each["recognised"] < 5 or each["psnr"] > 28, whole
            assert each["key_frame_after"] is not None and each["key_frame_after"] < 1, whole
        return f"{self.name}: {seen}"


def main():
    binaries = pathlib.Path(sys.argv[1])
    chosen = [name for name in PAIRINGS if not sys.argv[2:] or name in sys.argv[2:]]
    server = Server(binaries, users=[f"{name}-{role}" for name in chosen for role in ("caller", "callee")])
    try:
        for name in chosen:  # one after the other: encoders and decoders of four ends are enough for two processors
            print("ok     ", Pairing(server, name).run(), flush=True)
        calls = server.calls()
        assert {call["path"] for call in calls} == {"transcode"} and len(calls) == len(chosen), calls
        for name in chosen:
            assert any(PAIRINGS[name][2] in call["codec"] for call in calls), calls
    finally:
        server.stop()


if __name__ == "__main__":
    main()
