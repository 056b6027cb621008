"""Calls between a user of carillond and one of another server, both on carillon-phone: the media go through the relay
worker here, by ICE and by raw UDP, called from either side; what the phones hear is what was said. Then ends that only one
of the servers sees.
Usage: calls_test.py PROGRAMS-FOLDER prosody|ejabberd"""
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from servers import HERE, OURS, PEERS, THEIRS, Carillon, in_namespace, serve_names, trial

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
SECONDS = 3


class Phones:
    def __init__(self, folder, programs, there):
        self.folder, self.program = folder, programs / "carillon-phone"
        self.homes = {"alice": (HERE, OURS), "bob": (there, THEIRS)}

    def address(self, user):
        return f"{user}@{self.homes[user][0]}"

    def start(self, user, *words):
        said = self.folder / f"{user}.said"
        process = subprocess.Popen(
            [self.program, *map(str, words), "--jid", f"{self.address(user)}/phone", "--password", "secret", "--host",
             self.homes[user][1], "--insecure", "--bind", self.homes[user][1], "--json", "--verbose"],
            stdout=open(self.folder / f"{user}.out", "w"), stderr=open(said, "w"))
        return process

    def said(self, user):
        return (self.folder / f"{user}.said").read_text() + (self.folder / f"{user}.out").read_text()

    def wait(self, reached, what, seconds=30):
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, f"{what}\n{self.said('alice')}\n{self.said('bob')}"
            time.sleep(0.05)

    def call(self, caller, callee, options=(), answer=(), seconds=SECONDS):
        """The summaries of the caller and the callee, in that order."""
        sound = ("--play", SPEECH)
        ears = self.start(callee, "answer", "--count", 1, "--idle", 30, *sound, "--record", self.folder / f"{callee}.wav", *answer)
        self.wait(lambda: "online as" in self.said(callee), f"{callee} is online")
        mouth = self.start(caller, "call", self.address(callee), "--seconds", seconds, *sound, "--record",
                           self.folder / f"{caller}.wav", *options)
        try:
            for process in (mouth, ears):
                process.wait(60)
            return [json.loads((self.folder / f"{user}.out").read_text().splitlines()[-1]) for user in (caller, callee)]
        except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError):
            raise AssertionError(f"{self.said(caller)}\n{self.said(callee)}") from None
        finally:
            for process in (mouth, ears):
                if process.poll() is None:
                    process.kill()

    def alike(self, user):
        done = subprocess.run([self.program, "compare", "--json", "--least", "-1", SPEECH, self.folder / f"{user}.wav"],
                              capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout)["correlation"]


def record(carillon, phones):
    """The newest call, once it is over and its figures are in."""
    phones.wait(lambda: not any(c["state"] != "ended" for c in calls(carillon)), "the call ends here as well")
    phones.wait(lambda: calls(carillon)[0].get("path") != "forward" or calls(carillon)[0]["packets"] > 0, "figures")
    return calls(carillon)[0]


def calls(carillon):
    return json.loads(carillon.ctl("call", "list", "--json"))


def talks(carillon, phones, caller, callee, options, transport):
    summaries = phones.call(caller, callee, options)
    for summary in summaries:
        assert summary["ok"] and summary["reason"] == "success" and summary["transport"] == transport, summaries
        assert summary["packets_received"] > SECONDS * 40, summaries
    for user in ("alice", "bob"):
        assert phones.alike(user) > 0.85, f"what {user} heard: {phones.alike(user)}"
    kept = record(carillon, phones)
    assert (kept["path"], kept["reason"], kept["state"]) == ("forward", "success", "ended"), kept
    assert kept["packets"] > SECONDS * 40 * 2, kept
    assert kept["caller"].startswith(phones.address(caller)) and kept["callee"].startswith(phones.address(callee)), kept
    print(f"{caller} to {callee} by {transport}: {kept['packets']} packets relayed", flush=True)


def everything(programs):
    def run(carillon, peer):
        phones = Phones(peer.folder, programs, peer.domain)
        phones.wait(lambda: any(w["state"] == "up" for w in json.loads(carillon.ctl("relay", "list", "--json"))), "a relay worker")
        for caller, callee in (("alice", "bob"), ("bob", "alice")):
            talks(carillon, phones, caller, callee, (), "ice-udp")
        talks(carillon, phones, "alice", "bob", ("--raw-udp",), "raw-udp")
        talks(carillon, phones, "bob", "alice", ("--raw-udp",), "raw-udp")
        for caller, callee in (("alice", "bob"), ("bob", "alice")):
            summaries = phones.call(caller, callee, answer=("--reject",))
            assert summaries[0]["reason"] == "decline", summaries
            assert record(carillon, phones)["reason"] == "decline", calls(carillon)[0]
            # Nobody there: the foreign server's word is passed on, ours is given at once.
            done = phones.start(caller, "call", f"{phones.address(callee)}/nowhere", "--seconds", 1)
            assert done.wait(30) == 1, phones.said(caller)
            assert "service-unavailable" in phones.said(caller), phones.said(caller)
            phones.wait(lambda: all(c["state"] == "ended" for c in calls(carillon)), "no call is left")
        print("refusals passed", flush=True)

    return run


def main(words):
    programs, peer = pathlib.Path(words[0]), PEERS[words[1]]
    serve_names(peer.name)
    both = (programs / "carillond", programs / "carillonctl")
    calls_always = '[host.module.calls]\nrelay = "always"\n'
    trial(lambda folder, **more: Carillon(folder, both, relay=True, more=calls_always, **more), peer, False, everything(programs))


if __name__ == "__main__":
    in_namespace(__file__, main)
