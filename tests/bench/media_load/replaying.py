"""How exactly carillon-replay keeps a capture's times: what it says itself, and the kernel's times of the packets on loopback."""
import json
import pathlib
import socket
import struct
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interop/calls"))
from server import DOMAIN, Server  # noqa: E402

CAPTURES = HERE.parents[1] / "media/data"
OPUS = CAPTURES / "webrtc-opus-srtp.pcap"
OPUS_KEY = "0x20C23467=FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji"
SIPP = pathlib.Path("/usr/share/sip-tester/g711a.pcap")
AT_MOST_MS = 0.2
SO_TIMESTAMPNS = 35


def rtp_of(frame):
    """(SSRC, sequence number) of RTP in UDP in IPv4 in Ethernet; None: it is none."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    at = 14 + (frame[14] & 15) * 4 + 8
    if len(frame) < at + 12 or frame[at] >> 6 != 2 or 192 <= frame[at + 1] <= 223:
        return None
    return struct.unpack("!I", frame[at + 8:at + 12])[0], struct.unpack("!H", frame[at + 2:at + 4])[0]


def captured(path):
    """(SSRC, sequence number): seconds, of a pcap of Ethernet in this machine's byte order."""
    data, times = path.read_bytes(), {}
    at = 24
    while at + 16 <= len(data):
        seconds, micros, size, _ = struct.unpack("<IIII", data[at:at + 16])
        key = rtp_of(data[at + 16:at + 16 + size])
        if key:
            times.setdefault(key, seconds + micros / 1e6)
        at += 16 + size
    return times


class Wire:
    """When each RTP packet was first seen on loopback. Needs to be root."""

    def __init__(self):
        self.times, self.over = {}, False
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("lo", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        while not self.over:
            try:
                frame, ancillary, *_ = self.socket.recvmsg(2048, 64)
            except TimeoutError:
                continue
            key = rtp_of(frame)
            for level, kind, data in ancillary:
                if key and level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanos = struct.unpack("qq", data[:16])
                    self.times.setdefault(key, seconds + nanos / 1e9)

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()
        return self.times


def quantile(values, share):
    return sorted(values)[round(share * (len(values) - 1))]


def errors_of(captured_at, seen_at):
    """Milliseconds behind the least delayed packet."""
    off = [seen_at[key] - captured_at[key] for key in captured_at if key in seen_at]
    return [1000 * (each - min(off)) for each in off]


def replaying(options):
    print(f"\n{'replay through a call, ms off the capture':44} {'packets':>8} {'p50':>7} {'p99':>7} {'most':>7}")
    good = True
    server = Server(options.bin, 'relay = "always"')

    def call(capture, *more):
        done = subprocess.run([f"{options.bin}/carillon-replay", capture, "--call", f"juliet@{DOMAIN}", "--jid", f"romeo@{DOMAIN}",
                               "--password", "romeo-secret", "--answer", f"juliet@{DOMAIN}", "--answer-password", "juliet-secret",
                               "--host", "127.0.0.1", "--port", str(server.port), "--insecure", "--json", "--bind", "127.0.0.1", *more],
                              capture_output=True, text=True, timeout=120, check=True)
        return json.loads(done.stdout)["streams"][0]

    def tell(label, packets, p50, p99, most):
        print(f"{label:44} {packets:8} {p50:7.3f} {p99:7.3f} {most:7.3f}")
        return p99 <= AT_MOST_MS

    try:
        if SIPP.exists():
            wire = None
            try:
                wire = Wire()
            except PermissionError:
                pass
            stream = call(SIPP, "--raw-udp")
            good &= tell("G.711, RTP", stream["sent"], *(stream[f"pacing_{each}_ms"] for each in ("p50", "p99", "max")))
            if wire:
                off = errors_of(captured(SIPP), wire.close())
                good &= tell("  the same by the kernel's times on loopback", len(off), *(quantile(off, each) for each in (0.5, 0.99, 1)))
        stream = call(OPUS, "--key", OPUS_KEY)
        good &= tell("Opus, ICE and DTLS-SRTP", stream["sent"], *(stream[f"pacing_{each}_ms"] for each in ("p50", "p99", "max")))
    finally:
        server.stop()
    print(f"off: from a packet's time in the capture to when it had left (p99 at most {AT_MOST_MS} ms)")
    return good
