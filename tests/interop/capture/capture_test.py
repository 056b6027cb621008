#!/usr/bin/python3
"""Captures and recordings of real calls between carillon-phones, as tshark, carillon-replay, ffprobe and ffmpeg see them.

Usage: capture_test.py DIR_WITH_PROGRAMS
"""
import contextlib
import json
import pathlib
import re
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
sys.path.insert(0, str(HERE.parent / "bridge"))
import bridge_test  # noqa: E402
from bridge_test import SPEECH, Phones, users  # noqa: E402
from server import DOMAIN, Server  # noqa: E402

bridge_test.SECONDS = 8
# Of this process alone, and none that the system gives to others: a worker that died finds its ports free again.
PORTS = 12050 + os.getpid() % 170 * 100
OWN_PORTS = f"port_min = {PORTS}\nport_max = {PORTS + 49}\n"


def said(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=True).stdout


def refused(server, *arguments):
    done = subprocess.run([server.bin / "carillonctl", "--data", server.data, *map(str, arguments), "--json"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 1, f"{arguments}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)["error"]["text"]


def seconds_of(path):
    return float(said("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path))


def rtp_streams(path, ports):
    """(source port, destination port): packets, as tshark counts them."""
    command = ["tshark", "-r", path, "-q", "-z", "rtp,streams"]
    for port in ports:
        command += ["-d", f"udp.port=={port},rtp"]
    found = {}
    for line in said(*command).splitlines():
        row = line.split()
        if len(row) > 8 and re.fullmatch(r"\d+\.\d+", row[0]):
            key = int(row[3]), int(row[5])
            found[key] = found.get(key, 0) + int(row[8])
    return found


def listed(server, path, *more):
    """(source port, destination port): packets, as carillon-replay does."""
    found = {}
    text = said(server.bin / "carillon-replay", path, *more)
    for source, to, count in re.findall(r"^ *\d+ \S+:(\d+) > \S+:(\d+) ssrc .*\n.*\n +(\d+) packets", text, re.M):
        key = int(source), int(to)
        found[key] = found.get(key, 0) + int(count)
    return found


def relay_ports(call):
    return [address["port"] for content in call["contents"] for leg in ("a", "b") for address in content[leg] if address["component"] == 1]


def sounds_like_speech(server, path, least):
    heard = path.with_suffix(".wav")
    said("ffmpeg", "-v", "error", "-i", path, "-ar", "8000", "-ac", "1", heard)
    result = json.loads(said(server.bin / "carillon-phone", "compare", "--json", "--least", "-1", SPEECH, heard))
    assert result["correlation"] > least, f"{path}: {result}"


def of_a_bridged_call(server):
    """SDES on one side, plain RTP on the other: captured sealed, opened, and recorded twice in mid-call."""
    files = {}

    def during(call):
        number = call["id"]
        files["ports"] = relay_ports(call)
        for kind, more in (("wire", ["--keys"]), ("opened", ["--decrypted"]), ("short", ["--seconds", "1", "--snap", "96"])):
            path = server.work / f"{kind}.pcapng"
            begun = server.ctl("call", "capture", number, "--out", path, *more)
            assert begun["state"] == "running" and begun["files"] == [str(path)], begun
            files[kind] = path, begun["name"]
        begun = server.ctl("call", "record", number, "start")
        assert begun["kind"] == "recording" and len(begun["files"]) == 3, begun
        assert "already" in refused(server, "call", "record", number, "start")
        time.sleep(2.5)
        shown = server.ctl("call", "show", number)
        states = {tap["name"]: tap["state"] for tap in shown["taps"]}
        assert states[files["wire"][1]] == "running" and files["short"][1] not in states, shown
        ended = server.ctl("call", "record", number, "stop")
        assert ended["state"] == "ended" and ended["packets"] > 150 and ended["dropped"] == 0, ended
        files["recorded"] = [pathlib.Path(path) for path in ended["files"]]
        assert "not being recorded" in refused(server, "call", "record", number, "stop")
        for kind in ("wire", "opened"):
            ended = server.ctl("call", "capture", number, "--stop", files[kind][1])
            assert ended["reason"] == "stopped" and ended["dropped"] == 0 and ended["packets"] > 300, ended
        again = server.ctl("call", "record", number, "start")
        files["again"] = [pathlib.Path(path) for path in again["files"]]

    Phones(server, "bridged").call(["--ice", "--sdes"], ["--raw-udp"], during)
    for kind in ("wire", "opened"):
        path = files[kind][0]
        counted = rtp_streams(path, files["ports"])
        assert len(counted) == 4, f"{kind}: {counted}"
        incoming = sum(count for (_, to), count in counted.items() if to in files["ports"])
        assert abs(2 * incoming - sum(counted.values())) <= 4, f"{kind}: as many in as out: {counted}"
        assert min(counted.values()) > 100, counted
        assert counted == listed(server, path), f"{kind}: {counted} {listed(server, path)}"
        assert path.stat().st_mode & 0o777 == 0o600
    comments = said("capinfos", files["wire"][0])
    assert "caller bridged-caller@" in comments and "seals with AEAD_AES_128_GCM inline:" in comments, comments
    key = re.search(r"caller's leg, the endpoint seals with (\S+) inline:(\S+)", comments)
    opened = said(server.bin / "carillon-replay", files["wire"][0], "--key", f"{key[2]}:{key[1]}")
    assert len(re.findall("opened, MOS 4", opened)) == 1, opened
    for path in files["recorded"]:
        assert 2.2 < seconds_of(path) < 4.5, f"{path}: {seconds_of(path)} s"
        assert "WARNING" not in said("opusinfo", path)
    # What is said is the beginning of the recording that the phones play; the mixed file has both, one over the other.
    for path in files["recorded"][:2]:
        sounds_like_speech(server, path, 0.6)
    server.wait_for(lambda: "a recording or capture has ended" in server.log_text() and "call ended" in server.log_text(), "no end")
    server.wait_for(lambda: all(seconds_of(path) > 1 for path in files["again"]), "the second recording has nothing")
    log = server.log_text()
    assert re.search(r"call capture asked for call=\S+ by=\"\S+ \(uid \d+, pid \d+\)\" caller=bridged-caller@", log), log
    assert re.search(r"call recording asked for call=\S+ by=", log), log
    print("ok      captured and recorded a bridged call", flush=True)


def of_an_end_to_end_call(server):
    """Forwarded: its packets can be captured, not opened and not recorded."""
    files = {}

    def during(call):
        number = call["id"]
        files["ports"] = relay_ports(call)
        assert "end to end" in refused(server, "call", "record", number, "start")
        assert "end to end" in refused(server, "call", "capture", number, "--decrypted")
        assert "not bridged" in refused(server, "call", "capture", number, "--keys")
        files["path"] = pathlib.Path(server.ctl("call", "capture", number, "--ring", "2x40K")["files"][0])

    Phones(server, "forwarded").call(["--ice"], ["--ice"], during)
    folder = files["path"].parent
    assert folder == server.data / "captures" and folder.stat().st_mode & 0o777 == 0o700
    time.sleep(0.5)
    ring = sorted(folder.iterdir())
    assert len(ring) == 2 and all(path.stat().st_size <= 40 * 1024 for path in ring), ring
    counted = [sum(rtp_streams(path, files["ports"]).values()) for path in ring]
    assert counted[0] > 100 and sum(counted) > 100, f"{ring}: {counted}"
    print("ok      captured an end-to-end call", flush=True)


def one_way(server):
    """The callee's program is stopped for a while: what that is is told while it lasts and afterwards."""
    seen = {}

    def during(call):
        time.sleep(3)
        clean = server.ctl("call", "show", call["id"])
        assert clean["mos_from_caller"] > 4.3 and clean["mos_from_callee"] > 4.3, clean
        legs = clean["contents"][0]["legs"]
        assert all(leg["quality"]["scale"] == "G.107" and leg["quality"]["loss_percent"] < 1 for leg in legs), legs
        strangers(call)
        os.kill(phones.callee.pid, signal.SIGSTOP)
        try:
            def named():
                shown = server.ctl("call", "show", call["id"])
                if shown["state"] == "ended":  # the caller has lost patience
                    return True
                seen.update(id=call["id"], drops=[leg.get("drops", {}) for leg in shown["contents"][0]["legs"]])
                return "nothing comes from the callee" in shown.get("trouble_now", "")
            server.wait_for(named, "one-way audio is not seen", 30)
        finally:
            os.kill(phones.callee.pid, signal.SIGCONT)

    class Watched(Phones):
        def answering(self, end):
            self.callee = super().answering(end)
            return self.callee

    phones = Watched(server, "oneway")
    bridge_test.SECONDS = 25
    try:
        phones.call(["--raw-udp"], ["--raw-udp"], during)
    except AssertionError:
        if "drops" not in seen:
            raise
    bridge_test.SECONDS = 8
    assert any(drops.get("unproven", 0) + drops.get("not_media", 0) > 0 for drops in seen["drops"]), seen
    server.wait_for(lambda: server.ctl("call", "show", seen["id"]).get("trouble"), "nothing is kept of it")
    kept = server.ctl("call", "show", seen["id"])
    assert kept["state"] == "ended" and "one-way audio: nothing comes from the callee" in kept["trouble"], kept
    assert 1 <= kept["mos_from_caller"] <= 4.5 and 1 <= kept["mos_from_callee"] <= 4.5, kept  # the callee lost much meanwhile
    assert "trouble with the sound of a call" in server.log_text()
    print("ok      called one-way audio what it is", flush=True)


def strangers(call):
    """Packets that belong to nobody: they are dropped and counted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(5):
            for content in call["contents"]:
                for address in content["a"] + content["b"]:
                    stranger.sendto(b"no media at all", (address["ip"], address["port"]))


TOKEN = "of-a-test-0123456789-0123456789-0123456789"


def http(server, method, path, raw=False):
    request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}{path}", method=method, headers={"Authorization": "Bearer " + TOKEN})
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = answer.read()
    return body if raw else json.loads(body)


def of_a_video_call(server):
    """Two Chromiums: the recording begins in mid-call, a key frame is asked for, and each side's pictures can be played."""
    ends = [f"pictures-{role}@{DOMAIN}/{role}:pictures-{role}-secret" for role in ("caller", "callee")]
    browser = subprocess.Popen(
        ["/usr/bin/python3", HERE / "chromium_video.py", *ends, "--host", "127.0.0.1", "--port", str(server.port), "--trust",
         next(server.data.glob("**/*.crt")), "--play", SPEECH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert browser.stdout.readline() == "online\n" and browser.stdout.readline() == "talking\n"
        call = next(call for call in server.calls() if call["caller"].startswith("pictures-caller@"))
        begun = http(server, "POST", f"/api/calls/{call['id']}/recording")
        assert begun["reason"] == "announcing" and begun["files"] == [], begun

        def running():
            taps = server.ctl("call", "show", call["id"]).get("taps", [])
            return taps and taps[0]["state"] == "running" and len(taps[0]["files"]) == 5

        server.wait_for(running, "no pictures are recorded", 30)
        time.sleep(4)
        ended = http(server, "DELETE", f"/api/calls/{call['id']}/recording")
        assert ended["dropped"] == 0 and ended["packets"] > 200, ended
        counted = json.loads(browser.communicate("\n", 60)[0])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)  # and its Chromium
        browser.wait(10)
    assert all(end["plis"] >= 1 for end in counted), f"the relay has asked for key frames: {counted}"
    length = seconds_of(ended["files"][2])
    for path in (path for path in ended["files"] if path.endswith(".webm")):
        streams = said("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", path).split()
        assert streams == ["vp8", "opus", "opus"], f"{path}: {streams}"
        assert abs(seconds_of(path) - length) < 0.3, f"{path}: {seconds_of(path)} s of {length}"
        # By the file's own clock: that of a guessed rate has one tick for pictures that came close together.
        complaints = subprocess.run(["ffmpeg", "-v", "warning", "-i", path, "-enc_time_base", "-1", "-f", "null", "-"], capture_output=True, text=True, timeout=60)
        assert complaints.returncode == 0 and complaints.stderr == "", complaints.stderr
        frames = said("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of",
                      "csv=p=0", path)
        first = float(said("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=start_time", "-of", "csv=p=0", path))
        assert int(frames) > 20 and first < 3, f"{path}: {frames} frames from {first} s on"
    listed = {file["name"]: file for file in http(server, "GET", "/api/recordings")}
    assert set(listed) == {pathlib.Path(path).name for path in ended["files"]}, listed
    name = pathlib.Path(ended["files"][3]).name
    assert http(server, "GET", "/api/recordings/" + name, raw=True) == pathlib.Path(ended["files"][3]).read_bytes()
    http(server, "DELETE", "/api/recordings/" + name)
    assert name not in [file["name"] for file in http(server, "GET", "/api/recordings")]
    print("ok      recorded a video call of Chromium, announced, in mid-call", flush=True)


def silences(path, least):
    """(begin, end) of what is silent for so many seconds."""
    done = subprocess.run(["ffmpeg", "-hide_banner", "-i", path, "-af", f"silencedetect=noise=-50dB:d={least}", "-f", "null", "-"],
                          capture_output=True, text=True, timeout=60)
    begins = [float(found) for found in re.findall(r"silence_start: (-?[\d.]+)", done.stderr)]
    return list(zip(begins, [float(found) for found in re.findall(r"silence_end: ([\d.]+)", done.stderr)]))


def of_a_transcoded_call(server):
    """Opus on one side, PCMU on the other: both as they speak and both together; one of them is silent for a while."""
    ended = {}

    class Mixed(Phones):
        def phone(self, role, *command):
            self.codec = {"caller": "opus", "callee": "pcmu"}[role]
            process = super().phone(role, *command)
            setattr(self, role, process)
            return process

    def during(call):
        begun = server.ctl("call", "record", call["id"], "start")
        assert begun["kind"] == "recording" and len(begun["files"]) == 3, begun
        time.sleep(2)
        os.kill(phones.callee.pid, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(phones.callee.pid, signal.SIGCONT)
        time.sleep(2)
        ended.update(server.ctl("call", "record", call["id"], "stop"))

    phones = Mixed(server, "transcoded")
    phones.call(["--ice"], ["--raw-udp"], during)
    server.wait_for(lambda: server.calls()[0].get("path") == "transcode", "it was not transcoded")
    assert ended["dropped"] == 0 and ended["packets"] > 300, ended
    lengths = {path: seconds_of(path) for path in ended["files"]}
    assert max(lengths.values()) - min(lengths.values()) < 0.3, lengths
    assert 5.2 < min(lengths.values()) < 9, lengths
    caller, callee, mixed = map(pathlib.Path, ended["files"])
    sounds_like_speech(server, caller, 0.6)
    sounds_like_speech(server, callee, 0.3)  # a second and a half of it is missing
    assert any(end - begin > 1 for begin, end in silences(callee, 1)), silences(callee, 1)
    sounds_like_speech(server, mixed, 0.3)
    print(f"ok      recorded a transcoded call: {[round(length, 2) for length in lengths.values()]} s", flush=True)


def by_policy(binaries):
    """Every bridged call is recorded; its worker is killed, and recording and capture go on at its successor."""
    server = Server(binaries, calls='record = "bridged"\ntick = "1 s"', users=users(["policy"]), workers=OWN_PORTS)
    try:
        seen = {}

        def during(call):
            assert [tap["kind"] for tap in call["taps"]] == ["recording"], call
            seen.update(id=call["id"], files=call["taps"][0]["files"], began=time.monotonic() - call["taps"][0]["seconds"])
            seen["capture"] = server.work / "policy.pcapng"
            server.ctl("call", "capture", call["id"], "--out", seen["capture"], "--decrypted")
            time.sleep(3)
            os.kill(server.worker_pid(), signal.SIGKILL)
            seen["died"] = time.monotonic()
            server.wait_for(lambda: server.log_text().count("a recording or capture goes on") == 2, "nothing goes on", 20)
            seen["back"] = time.monotonic()
            running = {tap["kind"]: tap for tap in server.ctl("call", "show", call["id"])["taps"]}
            assert running["recording"]["files"] == seen["files"], running
            assert running["recording"]["state"] == running["capture"]["state"] == "running", running

        Phones(server, "policy").call(["--ice", "--sdes"], ["--raw-udp"], during)
        server.wait_for(lambda: len(re.findall("a recording or capture has ended.*call ended", server.log_text())) == 2, "no end")
        whole = time.monotonic() - seen["began"]
        gap = seen["back"] - seen["died"]
        assert len(seen["files"]) == 3, seen
        for path in seen["files"]:
            length = seconds_of(path)
            assert seen["died"] - seen["began"] + gap + 1.5 < length < whole + 1, f"{path}: {length} s of {whole}"
            # A second before the death may be missing as well; then it is heard again.
            missing = [end - begin for begin, end in silences(path, 0.4) if end < length - 0.5]
            assert sum(missing) < gap + 3, f"{path}: {missing} s missing, the worker was away for {gap}"
        sounds_like_speech(server, pathlib.Path(seen["files"][0]), 0.5)
        second = seen["capture"].with_name("policy-00002.pcapng")
        for path in (seen["capture"], second):
            counted = len(said("tshark", "-r", path, "-Y", "udp", "-T", "fields", "-e", "frame.number").split())
            assert counted > 100, f"{path}: {counted} packets"
        print(f"ok      recorded and captured by policy across SIGKILL: {gap:.2f} s away, {length:.1f} s recorded", flush=True)
    finally:
        server.stop()


def main():
    binaries = pathlib.Path(sys.argv[1])
    server = Server(binaries, calls='relay = "always"\ntick = "1 s"', users=users(["bridged", "forwarded", "oneway"]))
    try:
        of_a_bridged_call(server)
        of_an_end_to_end_call(server)
        one_way(server)
    finally:
        server.stop()
    server = Server(binaries, users=users(["transcoded"]))
    try:
        of_a_transcoded_call(server)
    finally:
        server.stop()
    by_policy(binaries)
    with tempfile.NamedTemporaryFile("w", suffix=".token") as token:
        token.write(TOKEN)
        token.flush()
        server = Server(binaries, calls='bridge = "always"\nrelay = "always"\nrecord_announcement = "tone"', users=users(["pictures"]),
                        more=f'[admin]\napi_token_file = "{token.name}"')
    try:
        of_a_video_call(server)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
