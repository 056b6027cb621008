"""A carillon-relay of its own that serves TURN on loopback: free ports, a certificate, a folder that goes away."""
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

USER, PASSWORD = "romeo", "wherefore"


def free_port():
    """Below the ephemeral ports, and free for UDP and TCP on the addresses in use."""
    for _ in range(200):
        port = random.randrange(10_000, 19_900)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for address in ("127.0.0.1", "127.0.0.2"):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
            return port
        except OSError:
            continue
    raise AssertionError("no free port")


def certificate(folder, name="turn.test", stem="turn"):
    """A self-signed certificate and its key, as paths."""
    paths = folder / f"{stem}.crt", folder / f"{stem}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", paths[1],
                    "-out", paths[0]], check=True, capture_output=True)
    return paths


class Worker:
    def __init__(self, binaries, *more, users=True, shards=2, ports=400):
        self.bin = pathlib.Path(binaries)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="carillon-turn-"))
        self.port, self.tls_port, self.alternate_port = free_port(), free_port(), free_port()
        first = random.randrange(20_000, 29_000)
        self.first, self.last = first, first + ports - 1
        self.list_certificate(*certificate(self.work))
        (self.work / "users").write_text(f"{USER}:{PASSWORD}\njuliet:secret\n")
        self.log = open(self.work / "log", "a+")
        self.command = (
            [self.bin / "carillon-relay", "--control", self.work / "relay.sock", "--bind", "127.0.0.1", "--bind", "::1",
             "--ports", f"{self.first}-{self.last}", "--stun-bind", "127.0.0.1", "--stun-bind", "::1", "--stun-port",
             str(self.port), "--turn-tls-port", str(self.tls_port), "--turn-certificates-file", self.work / "certificates",
             *(["--turn-users-file", self.work / "users"] if users else []), "--shards", str(shards), *map(str, more)])
        self.start()

    def start(self):
        began = self.log_text().count("ready")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT)
        until = time.monotonic() + 20
        while self.log_text().count("ready") == began:
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError("the worker does not start")
            time.sleep(0.05)

    def die(self):
        """As a crash leaves it; start() is its successor."""
        self.process.kill()
        self.process.wait()

    def list_certificate(self, certificate_file, key_file, name="turn.test"):
        (self.work / "certificates").write_text(f"{name}\t{certificate_file}\t{key_file}\n")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log_text(self):
        return (self.work / "log").read_text()

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)
