"""rtpengine-daemon in user space as a transcoder: PCMU on one side, Opus on the other, by its NG control protocol."""
import os
import shutil
import socket
import subprocess
import time

OPUS = "opus/48000/2/32000/20/useinbandfec=1"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def bencoded(value):
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencoded, value)) + b"e"
    return b"d" + b"".join(bencoded(key) + bencoded(value[key]) for key in sorted(value)) + b"e"


def sdp(port, payload):
    return (f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {payload}\r\na=sendrecv\r\na=ptime:20\r\n")


class Rtpengine:
    @staticmethod
    def installed():
        return shutil.which("rtpengine") is not None

    def __init__(self, log):
        port = free_port()
        first = 42000 + os.getpid() % 40 * 400
        self.log = open(log, "w")
        self.process = subprocess.Popen(
            ["rtpengine", "--table=-1", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{port}", f"--port-min={first}",
             f"--port-max={first + 399}", "--foreground", "--log-stderr", "--log-level=4"], stdout=subprocess.DEVNULL, stderr=self.log)
        self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.control.connect(("127.0.0.1", port))
        self.control.settimeout(0.5)
        for _ in range(40):
            try:
                self.ask({"command": "ping"})
                break
            except OSError:
                time.sleep(0.25)
        else:
            raise RuntimeError("rtpengine does not answer")
        self.control.settimeout(5)
        self.calls = 0

    def ask(self, command):
        cookie = os.urandom(6).hex().encode()
        self.control.send(cookie + b" " + bencoded(command))
        while True:
            answer = self.control.recv(65536)
            if answer.startswith(cookie + b" "):
                return answer.decode()

    def open(self, port_a, port_b):
        """The ports for A and for B."""
        self.calls += 1
        common = {"call-id": f"bench-{self.calls}", "from-tag": "a", "ICE": "remove", "replace": ["origin", "session-connection"]}
        for_b = self.ask(common | {"command": "offer", "sdp": sdp(port_a, "0") + "a=rtpmap:0 PCMU/8000\r\n",
                                   "flags": ["trust-address", f"codec-transcode-{OPUS}", "codec-mask-PCMU"]})
        for_a = self.ask(common | {"command": "answer", "to-tag": "b", "flags": ["trust-address"],
                                   "sdp": sdp(port_b, "96") + "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"})
        ports = []
        for reply in (for_a, for_b):
            if "m=audio " not in reply:
                raise RuntimeError(f"rtpengine answered {reply}")
            ports.append(int(reply.split("m=audio ")[1].split()[0]))
        return ports

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.control.close()
        self.log.close()
