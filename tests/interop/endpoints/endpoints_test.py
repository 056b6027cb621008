#!/usr/bin/python3
"""Calls to the server itself: whoever calls echo@ hears itself, over every transport, protection and codec, and is told how
good the call was; whoever calls music@ hears that.

Usage: endpoints_test.py DIR_WITH_PROGRAMS [CALL...]. The callers are carillon-phone (libnice) and aiortc with slixmpp.
"""
import concurrent.futures
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
MUSIC_FILE = "/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav"
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


def by_phone(server, name):
    options, protection, least = CALLS[name]
    heard = server.work / f"{name}.wav"
    peer = MUSIC if name == "music" else ECHO + "/any" if "--no-jmi" in options else ECHO
    done = subprocess.run(
        [server.bin / "carillon-phone", "call", peer, "--jid", f"{name}@{DOMAIN}/phone", "--password", f"{name}-secret", "--host",
         "127.0.0.1", "--port", str(server.port), "--trust", next(server.data.glob("**/*.crt")), "--bind", "127.0.0.1", "--json",
         "--play", SPEECH, "--record", heard, "--seconds", str(SECONDS), *options], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    summary = json.loads(done.stdout[done.stdout.index("{"):])
    assert summary["protection"] == protection, f"{name}: {summary}"
    assert summary["loss"] < 0.02 and summary["packets_received"] > 50 * (SECONDS - 2), f"{name}: {summary}"
    correlation = alike(server, heard, MUSIC_FILE if name == "music" else SPEECH)
    assert correlation > least, f"{name}: {correlation}"
    return f"{name}: {correlation}"


def by_aiortc(server, name="aiortc"):
    heard = server.work / f"{name}.wav"
    done = subprocess.run(
        ["/usr/bin/python3", HERE / "aiortc_caller.py", "--jid", f"{name}@{DOMAIN}/aiortc", "--password", f"{name}-secret", "--host",
         "127.0.0.1", "--port", str(server.port), "--trust", next(server.data.glob("**/*.crt")), "--peer", ECHO, "--play", SPEECH,
         "--record", heard, "--seconds", str(SECONDS)], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{server.log_text()}"
    words = json.loads(done.stdout[done.stdout.index("{"):])
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


def main():
    binaries = pathlib.Path(sys.argv[1])
    chosen = [name for name in [*CALLS, "aiortc"] if not sys.argv[2:] or name in sys.argv[2:]]
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
