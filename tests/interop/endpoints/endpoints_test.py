#!/usr/bin/python3
"""Calls to the server itself: whoever calls echo@ hears itself, over every transport, protection and codec, and is told how
good the call was; whoever calls music@ hears that.

Usage: endpoints_test.py DIR_WITH_PROGRAMS [CALL...]. The callers are carillon-phone (libnice) and aiortc with slixmpp.
"""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import wave

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
MUSIC_FILE = "/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav"
GREETING = "/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.wav"
ECHO, MUSIC = (f"{name}@calls.{DOMAIN}" for name in ("echo", "music"))
SECONDS = 5

# name: how the caller calls, what it is protected by, how alike the echo has to be
CALLS = {
    "raw_pcma": (["--raw-udp", "--codec", "pcma"], "none", 0.95),
    "raw_g722": (["--raw-udp", "--codec", "g722"], "none", 0.9),
    "raw_l16": (["--raw-udp", "--codec", "l16", "--no-jmi"], "none", 0.95),
    "raw_sdes_pcmu": (["--raw-udp", "--sdes", "--codec", "pcmu"], "AEAD_AES_128_GCM", 0.95),
    "ice_sdes_pcma": (["--ice", "--sdes", "--codec", "pcma"], "AEAD_AES_128_GCM", 0.95),
    "ice_dtls_opus": (["--ice", "--codec", "opus"], "AEAD_AES_128_GCM", 0.75),
    "ice_restart": (["--ice", "--codec", "pcmu", "--restart-after", "1.5"], "AEAD_AES_128_GCM", 0.95),
    "music": (["--ice", "--codec", "pcma"], "AEAD_AES_128_GCM", 0.9),
}


def alike(server, heard, played=SPEECH):
    done = subprocess.run([server.bin / "carillon-phone", "compare", "--json", "--least", "-1", played, heard],
                          capture_output=True, text=True, check=True, timeout=60)
    result = json.loads(done.stdout)
    assert result["overlap_seconds"] > SECONDS - 2, result
    return result["correlation"]


def call_by_phone(server, name, peer, heard, *options):
    return subprocess.run(
        [server.bin / "carillon-phone", "call", peer, "--jid", f"{name}@{DOMAIN}/phone", "--password", f"{name}-secret", "--host",
         "127.0.0.1", "--port", str(server.port), "--trust", next(server.data.glob("**/*.crt")), "--bind", "127.0.0.1", "--json",
         "--play", SPEECH, "--record", heard, "--seconds", str(SECONDS), *options], capture_output=True, text=True, timeout=90)


def by_phone(server, name):
    options, protection, least = CALLS[name]
    heard = server.work / f"{name}.wav"
    peer = MUSIC if name == "music" else ECHO + "/any" if "--no-jmi" in options else ECHO
    done = call_by_phone(server, name, peer, heard, *options)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    summary = json.loads(done.stdout[done.stdout.index("{"):])
    assert summary["protection"] == protection, f"{name}: {summary}"
    assert summary["loss"] < 0.02 and summary["packets_received"] > 50 * (SECONDS - 2), f"{name}: {summary}"
    correlation = alike(server, heard, MUSIC_FILE if name == "music" else SPEECH)
    assert correlation > least, f"{name}: {correlation}"
    return f"{name}: {correlation}"


def call_by_aiortc(server, name, heard, seconds):
    done = subprocess.run(
        ["/usr/bin/python3", HERE / "aiortc_caller.py", "--jid", f"{name}@{DOMAIN}/aiortc", "--password", f"{name}-secret", "--host",
         "127.0.0.1", "--port", str(server.port), "--trust", next(server.data.glob("**/*.crt")), "--peer", ECHO, "--play", SPEECH,
         "--record", heard, "--seconds", str(seconds)], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{server.log_text()}"
    return json.loads(done.stdout[done.stdout.index("{"):])


def by_aiortc(server, name="aiortc"):
    heard = server.work / f"{name}.wav"
    words = call_by_aiortc(server, name, heard, SECONDS)
    for feature in ("urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:audio", "urn:xmpp:jingle:apps:dtls:0",
                    "urn:xmpp:jingle:transports:ice-udp:1", "urn:xmpp:jingle-message:0"):
        assert feature in words["features"], words
    assert ECHO in words["items"], words
    assert words["jmi"][:2] == ["ringing", "proceed"], words
    assert words["codecs"][0] == "opus", words
    form = words["form"]
    assert form["FORM_TYPE"] == "urn:carillon:call-figures" and form["path"] == "endpoint", words
    assert form["transport"] == "ice-udp dtls" and form["codecs"].startswith("opus/48000"), words
    assert int(form["packets_from_you"]) > 50 * (SECONDS - 2) and int(form["packets_to_you"]) > 50 * (SECONDS - 2), words
    assert (SECONDS - 2) * 1000 < int(form["duration_ms"]) < (SECONDS + 20) * 1000, words
    assert "packets" in words["figures"], words
    correlation = alike(server, heard)
    assert correlation > 0.4, f"{name}: {correlation}"  # on a busy machine its pace slips
    return f"{name}: {correlation}"


def piece(path, begin, end):
    out = path.with_name(f"{path.stem}-{begin}.wav")
    with wave.open(str(path)) as whole, wave.open(str(out), "wb") as part:
        part.setparams(whole.getparams())
        whole.setpos(int(begin * whole.getframerate()))
        part.writeframes(whole.readframes(int((end - begin) * whole.getframerate())))
    return out


def correlation_of(server, short, long):
    done = subprocess.run([server.bin / "carillon-phone", "compare", "--json", "--least", "-1", short, long],
                          capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["correlation"]


class Pipelines:
    """A server whose sounds come from GStreamer: a greeting as MP3, music as FLAC."""

    def __init__(self, binaries):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="carillon-sounds-"))
        greeting, music = self.compress(GREETING, "greeting.mp3"), self.compress(MUSIC_FILE, "music.flac")
        self.server = Server(binaries, users=("greeting", "pipeline", "first"),
                             more=f'[module.endpoints]\necho_greeting = "gst:{greeting}"\nmusic = "gst:{music}"')

    def compress(self, source, name):
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-ar", "44100", self.work / name], check=True, timeout=60)
        return (self.work / name).as_uri()

    def stop(self):
        self.server.stop()
        shutil.rmtree(self.work)

    def greeting(self):
        """aiortc: first the greeting, then its echo; at the end the figures."""
        length = wave.open(GREETING).getnframes() / 8000
        heard = self.server.work / "greeting.wav"
        # The first to need GStreamer may find it not ready, and is answered without.
        first_of_all = call_by_phone(self.server, "first", ECHO, heard, "--raw-udp", "--codec", "pcma")
        assert first_of_all.returncode == 0, first_of_all.stdout + first_of_all.stderr
        words = call_by_aiortc(self.server, "greeting", heard, length + 6)
        assert "packets" in words["figures"] and words["form"]["path"] == "endpoint", words
        first = correlation_of(self.server, GREETING, piece(heard, 0, length + 2))
        then = correlation_of(self.server, piece(heard, length + 2, length + 5.5), SPEECH)
        assert first > 0.4 and then > 0.4, (first, then)  # on a busy machine its pace slips
        return f"greeting {first}, echo {then}"

    def music(self):
        heard = self.server.work / "pipeline.wav"
        done = call_by_phone(self.server, "pipeline", MUSIC, heard, "--raw-udp", "--codec", "pcma")
        assert done.returncode == 0, done.stdout + done.stderr
        correlation = correlation_of(self.server, piece(heard, 1, SECONDS - 0.5), MUSIC_FILE)
        assert correlation > 0.85, correlation
        return f"music of a pipeline {correlation}"


def by_pipelines(binaries):
    pipelines = Pipelines(binaries)
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(pipelines.greeting), pool.submit(pipelines.music)]:
                print("ok     ", each.result(), flush=True)
    finally:
        pipelines.stop()


def main():
    binaries = pathlib.Path(sys.argv[1])
    chosen = [name for name in [*CALLS, "aiortc"] if not sys.argv[2:] or name in sys.argv[2:]]
    if not sys.argv[2:] or "pipelines" in sys.argv[2:]:
        by_pipelines(binaries)
    if not chosen:
        return
    server = Server(binaries, users=chosen, more=f'[module.endpoints]\nmusic = "{MUSIC_FILE}"')
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            work = [pool.submit(by_aiortc, server) if name == "aiortc" else pool.submit(by_phone, server, name) for name in chosen]
            for each in work:
                print("ok     ", each.result(), flush=True)
        records = server.calls()
        assert {call["path"] for call in records} == {"endpoint"} and len(records) == len(chosen), records
        assert {call["callee"] for call in records} <= {ECHO + "/echo", ECHO + "/any", MUSIC + "/music"}, records
    finally:
        server.stop()


if __name__ == "__main__":
    main()
