"""Debian's prosody with the same face as Server: the control that shows that a test judges right."""
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import shutil

from server import DOMAIN, free_port


class Prosody:
    def __init__(self, users=("romeo", "juliet")):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="carillon-control-"))
        self.tls_port, self.port = free_port(), free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}", "-keyout", self.work / "key.pem",
                        "-out", self.work / "cert.pem"], check=True, capture_output=True, timeout=30)
        accounts = self.work / "data" / DOMAIN.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True)
        for user in users:
            (accounts / f"{user}.dat").write_text(f'return {{ ["password"] = "{user}-secret" }};\n')
        (self.work / "prosody.cfg.lua").write_text(f"""
run_as_root = true
pidfile = "{self.work}/prosody.pid"
data_path = "{self.work}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.tls_port} }}
s2s_ports = {{ }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "ping"; "smacks"; "presence"; "message"; "iq"; "offline"; "c2s" }}
modules_disabled = {{ "s2s" }}
authentication = "internal_plain"
smacks_hibernation_time = 300
ssl = {{ certificate = "{self.work}/cert.pem"; key = "{self.work}/key.pem" }}
log = {{ warn = "{self.work}/log" }}
VirtualHost "{DOMAIN}"
""")
        self.process = subprocess.Popen(["prosody", "-F", "--config", self.work / "prosody.cfg.lua"])
        until = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
                return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise AssertionError("prosody does not listen")
                time.sleep(0.1)

    def log_text(self):
        log = self.work / "log"
        return log.read_text() if log.exists() else ""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.work, ignore_errors=True)
