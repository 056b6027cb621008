"""A carillond of its own for a test: loopback, free ports, a folder that goes away."""
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

DOMAIN = "montague.test"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, binaries, calls="", users=("romeo", "juliet"), more="", relay=True, network="", workers=""):
        """`network`, `workers`: more lines for [network], [relay]. Without `relay` no worker is started, which is quicker."""
        self.bin = pathlib.Path(binaries)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="carillon-interop-"))
        self.data = self.work / "data"
        self.relay = relay
        self.port, self.tls_port, self.http_port = free_port(), free_port(), free_port()
        self.config = self.work / "carillon.toml"
        self.config.write_text(f"""
[network]
bind = ["127.0.0.1"]
c2s_port = {self.port}
c2s_tls_port = {self.tls_port}
http_port = {self.http_port}
https_port = 0
stun_port = 0
{network}
[[host]]
domain = "{DOMAIN}"
[relay]
enabled = {str(relay).lower()}
{workers}
[module.calls]
{calls}
{"" if "[federation]" in more else chr(10).join(("[federation]", "port = 0", "tls_port = 0"))}
{more}
""")
        self.log = open(self.work / "log", "a+")
        try:
            self.start()
            for user in users:
                self.ctl("user", "add", f"{user}@{DOMAIN}", "--password", f"{user}-secret")
        except BaseException:
            self.process.kill()
            raise

    def start(self):
        (self.data / "carillond.sock").unlink(missing_ok=True)  # left by one that was killed
        self.process = subprocess.Popen([self.bin / "carillond", "--data", self.data, "--config", self.config],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_for(lambda: self.answers(), "carillond does not listen")
        if self.relay:
            self.wait_for(lambda: any(w["state"] == "up" for w in self.ctl("relay", "list")), "no relay worker")

    def kill(self):
        """As a power cut does it to the process: no word, no clean-up."""
        self.process.kill()
        self.process.wait(15)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log_text())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return (self.data / "carillond.sock").exists()
        except OSError:
            return False

    def wait_for(self, reached, what, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if reached():
                return
            time.sleep(0.05)
        raise AssertionError(f"{what}\n{self.log_text()}")

    def ctl(self, *arguments):
        done = subprocess.run([self.bin / "carillonctl", "--data", self.data, *arguments, "--json"], capture_output=True,
                              text=True, timeout=30)
        if done.returncode:
            raise AssertionError(f"carillonctl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def calls(self):
        return self.ctl("call", "list")

    def worker_pid(self):
        text = self.log_text()
        return int([line for line in text.splitlines() if "relay worker started" in line][-1].split("pid=")[1])

    def log_text(self):
        return (self.work / "log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)
