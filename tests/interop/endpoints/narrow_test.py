#!/usr/bin/python3
"""Users of a host have a narrow line: though both phones speak PCMU, the one that has Opus as well is spoken to in Opus, at a
rate that fits; the other hears it in PCMU.

Usage: narrow_test.py DIR_WITH_PROGRAMS. The phones are carillon-phone (libnice).
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
SECONDS, LINE = 8, 36  # kbit/s
HEADS = 40 + 12  # octets of a packet that its RTP payload does not have: IP, UDP, RTP


def phone(server, role, *command):
    return subprocess.Popen(
        list(map(str, [server.bin / "carillon-phone", *command, "--jid", f"{role}@{DOMAIN}/{role}", "--password", f"{role}-secret", "--host",
                       "127.0.0.1", "--port", server.port, "--trust", next(server.data.glob("**/*.crt")), "--bind", "127.0.0.1",
                       "--raw-udp", "--json", "--play", SPEECH, "--record", server.work / f"heard-by-{role}.wav"])),
        stdout=open(server.work / f"{role}.out", "w"), stderr=open(server.work / f"{role}.err", "w"))


def said(server, role):
    return (server.work / f"{role}.out").read_text() + (server.work / f"{role}.err").read_text()


def summary(server, role):
    text = (server.work / f"{role}.out").read_text()
    return json.loads(text[text.index('{"'):].splitlines()[0])


def kilobits(octets, packets, seconds):
    return (octets + HEADS * packets) * 8 / 1000 / seconds


def alike(server, role):
    done = subprocess.run([server.bin / "carillon-phone", "compare", "--json", "--least", "-1", SPEECH,
                           server.work / f"heard-by-{role}.wav"], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["correlation"]


def main():
    server = Server(sys.argv[1], calls=f"leg_bandwidth = {LINE}", users=("romeo", "juliet"))
    try:
        answering = phone(server, "juliet", "answer", "--count", 1, "--codec", "pcmu")
        try:
            server.wait_for(lambda: "online" in said(server, "juliet"), "the callee is not online", 40)
            calling = phone(server, "romeo", "call", f"juliet@{DOMAIN}/juliet", "--no-jmi", "--seconds", SECONDS, "--codec", "pcmu", "--codec",
                            "opus")
            try:
                assert calling.wait(60) == 0, said(server, "romeo") + said(server, "juliet") + server.log_text()
            finally:
                calling.kill()
            assert answering.wait(30) == 0, said(server, "juliet")
        finally:
            answering.kill()
        romeo, juliet = summary(server, "romeo"), summary(server, "juliet")
        assert romeo["codec"].lower() == "opus" and juliet["codec"] == "PCMU", (romeo["codec"], juliet["codec"])
        rates = {way: kilobits(romeo[f"bytes_{way}"], romeo[f"packets_{way}"], romeo["talk_seconds"]) for way in ("sent", "received")}
        assert all(10 < rate < LINE for rate in rates.values()), rates
        wide = kilobits(juliet["bytes_received"], juliet["packets_received"], juliet["talk_seconds"])
        heard = {role: alike(server, role) for role in ("romeo", "juliet")}
        assert min(heard.values()) > 0.6, heard
        call, = server.calls()
        assert call["path"] == "transcode" and call["codec"] == "opus | PCMU", call
        print(f"ok      kbit/s of the narrow leg {rates}, of the other one {wide:.0f}; heard {heard}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
