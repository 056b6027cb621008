#!/usr/bin/python3
"""A relay worker as on another machine: it takes orders over TCP from whom its authority has signed, and from nobody else.
The strangers are OpenSSL's s_client and Python's ssl; the ends of the calls are carillon-phone (libnice).

Usage: remote_worker_test.py BINARIES [unittest arguments]
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server, free_port  # noqa: E402

BINARIES = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/bin")
MAKE = HERE.parents[2] / "scripts/relay-certificates"
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
MUSIC = "/usr/share/asterisk/sounds/en_US_f_Allison/demo-instruct.wav"
GREETING = "/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.wav"
PORTS = 10000 + os.getpid() % 20 * 100
USERS = ("romeo", "juliet")


class Worker:
    """carillon-relay as somebody else has started it."""

    def __init__(self, folder, port, *more):
        self.log = folder / f"worker-{port}.log"
        # As on another machine: what lies in the folder of sounds, it cannot see.
        self.command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', folder / "sounds",
                        BINARIES / "carillon-relay", "--control-tls", f"127.0.0.1:{port}", "--tls-authority", folder / "authority.crt",
                        "--tls-certificate", folder / "localhost.crt", "--tls-key", folder / "localhost.key", "--bind", "127.0.0.1",
                        "--ports", f"{PORTS}-{PORTS + 99}", *more]
        self.start()

    def start(self):
        with open(self.log, "a") as out:
            self.process = subprocess.Popen(list(map(str, self.command)), stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        return self.log.read_text()

    def end(self):
        self.process.kill()
        self.process.wait(10)


def until(reached, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.05)


class RemoteWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-remote-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "sounds").mkdir()
        for name in (MUSIC, GREETING):
            shutil.copy(name, cls.folder / "sounds")
        subprocess.run([MAKE, cls.folder, "localhost", "elsewhere.example"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([MAKE, cls.folder / "strangers", "localhost"], check=True, stdout=subprocess.DEVNULL)

    def worker(self, *more):
        self.port = free_port()
        worker = Worker(self.folder, self.port, *more)
        self.addCleanup(worker.end)
        until(lambda: "relay worker ready" in worker.said(), worker.said)
        return worker

    def server(self, host="localhost", certificates=None, wait=True, **options):
        names = certificates or self.folder
        lines = f"""workers = 0
external = ["tls://{host}:{self.port}"]
tls_authority = "{names}/authority.crt"
tls_certificate = "{names}/carillond.crt"
tls_key = "{names}/carillond.key"
"""
        server = Server(BINARIES, 'relay = "always"\ntick = "1 s"', workers=lines, relay=True, **options) if wait else \
            Unready(BINARIES, 'relay = "always"\ntick = "1 s"', workers=lines, **options)
        self.addCleanup(server.stop)
        return server

    def phone(self, server, role, *arguments):
        out = open(server.work / f"{role}.out", "w")
        self.addCleanup(out.close)
        trust = next(server.data.glob("**/*.crt"))
        process = subprocess.Popen(
            list(map(str, [server.bin / "carillon-phone", *arguments, "--jid", f"{role}@{DOMAIN}/phone", "--password", f"{role}-secret",
                           "--host", "127.0.0.1", "--port", server.port, "--trust", trust, "--play", SPEECH, "--loop", "--bind",
                           "127.0.0.1", "--json"])), stdout=out, stderr=subprocess.STDOUT)

        def end():
            process.kill()
            process.wait(10)
        self.addCleanup(end)
        return process, lambda: (server.work / f"{role}.out").read_text()

    def call(self, server, seconds, *how):
        _, heard = self.phone(server, "juliet", "answer", "--count", 1, "--idle", 60, *how)
        server.wait_for(lambda: "online" in heard(), "juliet does not come")
        time.sleep(0.5)  # the server asks what the client can do
        return self.phone(server, "romeo", "call", f"juliet@{DOMAIN}/phone", "--no-jmi", "--seconds", seconds, *how)

    def test_carries_calls(self):
        worker = self.worker()
        server = self.server()
        for how in (["--ice"], ["--ice", "--sdes"]):
            process, said = self.call(server, 3, *how)
            self.assertEqual(process.wait(60), 0, said())
            end = json.loads(said()[said().index("{"):said().rindex("}") + 1])
            self.assertTrue(end["ok"], end)
            self.assertGreater(end["packets_received"], 100, end)
            self.assertEqual(end["packets_lost"], 0, end)
        listed, = server.ctl("relay", "list")
        self.assertEqual((listed["name"], listed["state"]), (f"localhost:{self.port}", "up"))
        self.assertGreater(listed["packets"], 400)
        server.ctl("relay", "drain", f"localhost:{self.port}")
        self.assertEqual(server.ctl("relay", "list")[0]["state"], "draining")
        self.assertNotIn("no orders taken", worker.said())

    def test_a_call_outlives_its_worker_and_its_connection(self):
        worker = self.worker("--journal", self.folder / "journal")
        server = self.server()
        process, said = self.call(server, 6, "--ice")
        server.wait_for(lambda: any(one["state"] == "active" and one["packets"] > 0 for one in server.calls()), "no call")
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait(10)
        worker.start()
        self.assertEqual(process.wait(60), 0, said())
        end = json.loads(said()[said().index("{"):said().rindex("}") + 1])
        self.assertEqual((end["ok"], end["reason"], end["ice_restarts"]), (True, "success", 0), end)
        self.assertLess(end["packets_lost"] * 0.02, 3, end)
        print(f"worker of another machine killed: {end['packets_lost'] * 0.02:.2f} s without media", file=sys.stderr)

    def alike(self, server, played, heard):
        done = subprocess.run([BINARIES / "carillon-phone", "compare", "--json", "--least", "-1", played, heard], capture_output=True,
                              text=True, check=True, timeout=60)
        return json.loads(done.stdout)["correlation"]

    def test_plays_sounds_that_are_not_on_its_machine(self):
        """Greeting and music travel over the control connection; what would have to be written here is refused."""
        worker = self.worker()
        sounds = self.folder / "sounds"
        server = self.server(users=("romeo", "juliet"), more=f"""[module.endpoints]
echo_greeting = "{sounds / pathlib.Path(GREETING).name}"
music = "{sounds / pathlib.Path(MUSIC).name}"
""")
        for endpoint, role, seconds, played in (("music", "romeo", 6, MUSIC), ("echo", "juliet", 8, GREETING)):
            with self.subTest(endpoint=endpoint):
                heard = server.work / f"{endpoint}.wav"
                process, said = self.phone(server, role, "call", f"{endpoint}@calls.{DOMAIN}", "--ice", "--codec", "pcma", "--seconds",
                                           seconds, "--record", heard)
                self.assertEqual(process.wait(60), 0, said() + server.log_text() + worker.said())
                if endpoint == "music":
                    self.assertGreater(self.alike(server, heard, played), 0.9)
                else:
                    self.assertGreater(self.alike(server, played, heard), 0.9)
        self.assertEqual({call["path"] for call in server.calls()}, {"endpoint"})

    def test_nobody_else_gives_orders(self):
        worker = self.worker()
        hello = b"\x0a\x06\x08\x01"
        with socket.create_connection(("127.0.0.1", self.port), 5) as plain:
            plain.sendall(struct.pack("!I", len(hello)) + hello)
            self.assertNotIn(b"carillon", plain.recv(4096))
        strangers = self.folder / "strangers"
        for name, authority in (
                (None, self.folder), (strangers / "carillond", self.folder), (strangers / "localhost", self.folder),
                (self.folder / "elsewhere.example", self.folder)):  # a worker's, good for a worker only
            with self.subTest(name=name):
                context = ssl.create_default_context(cafile=authority / "authority.crt")
                if name:
                    context.load_cert_chain(f"{name}.crt", f"{name}.key")
                with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        with context.wrap_socket(connection, server_hostname="localhost") as tls:
                            # TLS 1.3: the client has done its part before it hears of the refusal.
                            tls.sendall(struct.pack("!I", 4) + b"\x08\x01\x52\x00")
                            if not tls.recv(1):
                                raise ConnectionError("closed")
        older = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-tls1_2"], stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=20)
        self.assertNotEqual(older.returncode, 0)
        self.assertIn("no orders taken", worker.said())
        # Who only connects does not keep others out.
        idle = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(100)]
        for connection in idle:
            self.addCleanup(connection.close)
        time.sleep(6)
        self.server()
        self.assertIsNone(worker.process.poll())

    def test_no_orders_to_a_stranger(self):
        self.worker()
        for host, certificates in (("127.0.0.1", None), ("localhost", self.folder / "strangers")):
            server = self.server(host, certificates, wait=False)
            server.wait_for(lambda: server.ctl("relay", "list")[0]["state"] == "down", "not asked")
            self.assertNotIn("relay worker connected", server.log_text())

    def test_a_worker_of_another_machine_wants_proof(self):
        done = subprocess.run([BINARIES / "carillon-relay", "--control-tls", "127.0.0.1:7443"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--tls-authority", done.stderr)
        config = self.folder / "unproven.toml"
        config.write_text('[relay]\nexternal = ["tls://relay2.example.org:7443"]\n')
        done = subprocess.run([BINARIES / "carillond", "--check-config", "--config", config], capture_output=True, text=True, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("relay.tls_authority", done.stdout + done.stderr)


class Unready(Server):
    """Does not wait for a worker."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, relay=True, **options)

    def start(self):
        self.relay = False
        super().start()


if __name__ == "__main__":
    unittest.main()
