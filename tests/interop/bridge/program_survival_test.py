#!/usr/bin/python3
"""A transcoded call whose relay worker is killed: sound and pictures go on at its successor, in each end's own codec, under the
same SSRCs and keys, and nobody has to be told. The ends are aiortc with one codec for each.

Usage: program_survival_test.py DIR_WITH_PROGRAMS [PAIRING...]
"""
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "calls")]
import film_test  # noqa: E402
from server import Server  # noqa: E402

AIORTC = HERE / "aiortc_film.py"
SECONDS = 15
# Of this process alone, and none that the system gives to others: a worker that died finds its ports free again.
PORTS = 12000 + os.getpid() % 170 * 100
MOST_SILENCE = 1.5  # generous: the machine may be busy; what was seen is printed
MOST_STILL = 6

# name: video and audio codec of the caller and of the callee; what the record says
PAIRINGS = {
    "sound_and_pictures": (("VP8", "opus"), ("H264", "PCMU"), ("VP8 | H264", "opus | PCMU")),
    "sound": (("VP8", "PCMA"), ("VP8", "opus"), ("PCMA | opus",)),
}


class Call(film_test.Pairing):
    def start(self, role, end, *more):
        video, audio = end
        return super().start(role, (AIORTC, video), "--audio", audio, *more)

    def run(self):
        caller, callee, _ = PAIRINGS[self.name]
        answering = self.start("callee", callee)
        try:
            self.server.wait_for(lambda: "online" in self.said("callee"), f"{self.name}: callee is not online", 60)
            time.sleep(0.5)  # the server asks what the client can do
            calling = self.start("caller", caller, "--call", f"{self.name}-callee@{film_test.DOMAIN}/callee", "--seconds", SECONDS)
            try:
                self.server.wait_for(self.talks, f"{self.name}: no call", 60)
                flows = self.see(SECONDS - 8)
                time.sleep(2)
                successors = self.server.log_text().count("go on streams=")
                os.kill(self.server.worker_pid(), signal.SIGKILL)
                died = time.monotonic()
                self.server.wait_for(lambda: self.server.log_text().count("go on streams=") > successors, "no successor", 20)
                back = time.monotonic() - died
                status = calling.wait(60), answering.wait(60)
            finally:
                calling.kill()
        finally:
            answering.kill()
        whole = f"{self.name}: {status}\n{self.said('caller')}\n{self.said('callee')}\n{self.server.log_text()[-3000:]}"
        assert status == (0, 0), whole
        seen = {role: self.summary(role) for role in ("caller", "callee")}
        print(f"{self.name}: successor after {back:.2f} s; without sound, without pictures:",
              {role: (each["longest_silence"], each["longest_still"]) for role, each in seen.items()}, file=sys.stderr, flush=True)
        for each in seen.values():
            assert each["longest_silence"] < MOST_SILENCE and each["loud"] > 100, whole
            assert each["recognised"] < 5 or each["in_order"] > 0.95, whole
            if flows:  # else the machine has too much to do for pictures, before and after
                assert each["longest_still"] < MOST_STILL and each["recognised"] + each["other_size"] > 8, whole

    def see(self, seconds):
        """Whether pictures have come to both ends by then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if all("sees pictures" in self.said(role) for role in ("caller", "callee")):
                return True
            time.sleep(0.1)
        return False

    def talks(self):
        return any(call["state"] == "active" and call["packets"] > 0 for call in self.server.calls()
                   if call["caller"].startswith(self.name + "-caller@"))


def main():
    chosen = [name for name in PAIRINGS if not sys.argv[2:] or name in sys.argv[2:]]
    server = Server(pathlib.Path(sys.argv[1]), 'tick = "1 s"', users=[f"{name}-{role}" for name in chosen for role in ("caller", "callee")],
                    workers=f"port_min = {PORTS}\nport_max = {PORTS + 99}\n")
    try:
        for name in chosen:
            Call(server, name).run()
        calls = server.calls()
        assert {(call["path"], call["reason"]) for call in calls} == {("transcode", "success")} and len(calls) == len(chosen), calls
        for name in chosen:
            assert any(all(codecs in call["codec"] for codecs in PAIRINGS[name][2]) for call in calls), calls
        assert "relay worker stays away" not in server.log_text()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
