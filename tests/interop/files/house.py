"""A carillond of its own for tests of services: domain localhost, loopback, free ports, a folder that goes away."""
import asyncio
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "xmpp"))

from slixmpp_test import Client, free_port, until  # noqa: E402, F401


class House:
    def __init__(self, binaries, more="", users=("alice", "bob", "carol")):
        self.bin = pathlib.Path(binaries)
        self.folder = tempfile.TemporaryDirectory(prefix="carillon-files-")
        self.data = pathlib.Path(self.folder.name) / "data"
        self.port, self.http_port, self.https_port = free_port(), free_port(), free_port()
        self.config = pathlib.Path(self.folder.name) / "carillon.toml"
        self.config.write_text(f"""
[network]
bind = ["127.0.0.1"]
c2s_port = {self.port}
c2s_tls_port = 0
http_port = {self.http_port}
https_port = {self.https_port}
stun_port = 0
[federation]
port = 0
tls_port = 0
[relay]
enabled = false
[data]
dir = "{self.data}"
{more}
""")
        self.start()
        for user in users:
            self.ctl("user", "add", f"{user}@localhost", "--password", "secret")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self.folder.cleanup()

    def start(self):
        self.process = subprocess.Popen([self.bin / "carillond", "--config", self.config], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        seen = ""
        for line in self.process.stdout:  # the welcome ends with how to add a user
            seen += line
            if "Add a user" in line:
                return
        raise AssertionError(f"carillond does not start\n{seen}")

    def ctl(self, *arguments):
        done = subprocess.run([self.bin / "carillonctl", "--data", self.data, *arguments], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        ended = self.process.wait(30)
        assert ended == 0, f"carillond ended with {ended}"


def run(scenario, seconds=90):
    return asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenario, seconds))
