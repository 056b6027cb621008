"""The servers of the federation tests, each with its own address in a network namespace of the test's own, and the
DNS by which they find one another.
Not here: what is said between them (the tests)."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = "carillon.example"
ROOMS_HERE = f"conference.{HERE}"
OURS, THEIRS = "127.0.1.1", "127.0.2.1"
TOOLS = (f"component.{HERE}",)  # more names that lead here


def openssl(*words, **more):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30, **more)


class Authority:
    def __init__(self, folder):
        self.folder = folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", "/CN=Test authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")

    def certify(self, name, domains):
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={domains[0]}",
                "-keyout", key, "-out", request)
        names = self.folder / f"{name}.ext"
        names.write_text("subjectAltName=" + ",".join(f"DNS:{domain}" for domain in domains) + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key",
                "-CAcreateserial", "-days", 2, "-extfile", names, "-out", certificate)
        return certificate, key

    def self_sign(self, name, domains):
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                "-subj", f"/CN={domains[0]}", "-addext",
                "subjectAltName=" + ",".join(f"DNS:{domain}" for domain in domains), "-keyout", key, "-out", certificate)
        return certificate, key


class Carillon:
    def __init__(self, folder, programs, certificate, key, strict, authority, federation="", more="", relay=False):
        self.programs, self.data = programs, folder / "carillon-data"
        config = folder / "carillon.toml"
        config.write_text(f"""
[network]
bind = ["{OURS}"]
http_port = 0
https_port = 0
stun_port = 0
[federation]
require_certificate = {"true" if strict else "false"}
authorities = "{authority}"
{federation}
[relay]
enabled = {"true" if relay else "false"}
[log]
level = "debug"
[data]
dir = "{self.data}"
[[host]]
domain = "{HERE}"
certificate = "{certificate}"
key = "{key}"
{more}
""")
        self.log = open(folder / "carillon.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([programs[0], "--config", str(config)], stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if "Add a user" in line:
                break
        self.ctl("user", "add", f"alice@{HERE}", "--password", "secret")

    def ctl(self, *words):
        return subprocess.run([self.programs[1], "--data", str(self.data), *words], check=True, capture_output=True,
                              text=True, timeout=20).stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0

    def log_text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(encoding="utf-8")


class Peer:
    """A server of another make: its domain, its rooms, the user bob."""

    def __init__(self, folder, certificate, key, strict, authority, **more):
        self.domain, self.rooms = f"{self.name}.example", f"rooms.{self.name}.example"
        self.path = folder / f"{self.name}.log"
        self.folder = folder
        self.start(certificate, key, strict, authority, **more)

    def wait(self, ready):
        end = time.monotonic() + 60
        while not ready():
            assert self.process.poll() is None and time.monotonic() < end, f"{self.name} does not start\n{self.log_text()}"
            time.sleep(0.1)

    def log_text(self):
        return self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Prosody(Peer):
    name = "prosody"

    def start(self, certificate, key, strict, authority, modules="", more=""):
        data = self.folder / "prosody-data"
        accounts = data / self.domain.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True)
        (accounts / "bob.dat").write_text('return { ["password"] = "secret" };\n')
        config = self.folder / "prosody.cfg.lua"
        config.write_text(f"""
run_as_root = true
pidfile = "{self.folder}/prosody.pid"
data_path = "{data}"
interfaces = {{ "{THEIRS}" }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "dialback"; "disco"; "ping"; "presence"; "message"; "iq"; "c2s"; "s2s"; "s2s_auth_certs"; {modules} }}
authentication = "internal_plain"
s2s_require_encryption = true
s2s_secure_auth = {"true" if strict else "false"}
{more}
ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{authority}"; }}
log = {{ debug = "{self.path}" }}
VirtualHost "{self.domain}"
Component "{self.rooms}" "muc"
""")
        self.process = subprocess.Popen(["prosody", "--config", str(config), "-F"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait(lambda: "Activated service 's2s'" in self.log_text())


class Ejabberd(Peer):
    name = "ejabberd"

    def start(self, certificate, key, strict, authority):
        both = self.folder / "ejabberd.pem"
        both.write_text(pathlib.Path(key).read_text() + pathlib.Path(certificate).read_text())
        config = self.folder / "ejabberd.yml"
        config.write_text(f"""
loglevel: 5
hosts: ["{self.domain}"]
certfiles: ["{both}"]
ca_file: "{authority}"
s2s_cafile: "{authority}"
s2s_use_starttls: required
listen:
  - {{port: 5222, ip: "{THEIRS}", module: ejabberd_c2s, starttls: true}}
  - {{port: 5269, ip: "{THEIRS}", module: ejabberd_s2s_in}}
auth_method: internal
acl: {{local: {{user_regexp: ""}}}}
access_rules: {{local: {{allow: local}}, c2s: {{allow: all}}, announce: {{deny: all}}}}
modules:
  mod_disco: {{}}
  mod_muc: {{host: "{self.rooms}", access: all}}
  mod_ping: {{}}
  mod_roster: {{}}
  {"mod_time" if strict else "mod_s2s_dialback"}: {{}}
""")
        (self.folder / "mnesia").mkdir()
        ready = self.folder / "ejabberd.ready"
        environment = {**os.environ, "EJABBERD_CONFIG_PATH": str(config), "EJABBERD_LOG_PATH": str(self.path),
                       "HOME": str(self.folder), "ERL_LIBS": str(next(pathlib.Path("/usr/lib").glob("*/ejabberd-*")).parent),
                       "ERL_CRASH_DUMP_BYTES": "0"}
        load = (f'ok = ejabberd_auth:try_register(<<"bob">>, <<"{self.domain}">>, <<"secret">>), '
                f'ok = file:write_file("{ready}", "ready").')
        # Without a node name, so that no port mapper is started; the user is made in the node itself.
        self.process = subprocess.Popen(
            ["erl", "-noinput", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "-mnesia", "dir", f'"{self.folder}/mnesia"',
             "-eval", f"{{ok, _}} = application:ensure_all_started(ejabberd), {load}"],
            env=environment, stdout=open(self.folder / "erl.log", "w"), stderr=subprocess.STDOUT)
        self.wait(ready.exists)


PEERS = {peer.name: peer for peer in (Prosody, Ejabberd)}


def serve_names(peer, port=5269):
    """Answers for the domains of both servers, which are told to be at that port; gives the name server."""
    from names import Names
    # Some resolvers never ask a server on the loopback network, nor for names under .test.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", "10.99.0.53/32", "dev", "lo"], check=True)
    there = f"{peer}.example"
    hosts = {name: OURS for name in (HERE, f"xmpp.{HERE}", ROOMS_HERE, *TOOLS)}
    hosts |= {name: THEIRS for name in (there, f"xmpp.{there}", f"rooms.{there}")}
    services = {f"_xmpp-server._tcp.{name}": (f"xmpp.{HERE}", port) for name in (HERE, ROOMS_HERE)}
    services |= {f"_xmpp-server._tcp.{name}": (f"xmpp.{there}", port) for name in (there, f"rooms.{there}")}
    names = Names(hosts, services)
    names.start()
    return names


def in_namespace(test, main):
    """Runs `main` in a network and mount namespace where /etc/resolv.conf is the test's own; `test` is its file."""
    if sys.argv[1] != "--inside":
        sys.exit(subprocess.run(["unshare", "--net", "--mount", "--propagation", "private", sys.executable, test, "--inside",
                                 *sys.argv[1:]]).returncode)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
        resolv.write("nameserver 10.99.0.53\noptions timeout:2 attempts:2\n")
        resolv.flush()
        target = os.path.realpath("/etc/resolv.conf")
        pathlib.Path(target).touch()
        subprocess.run(["mount", "--bind", resolv.name, target], check=True)
        main(sys.argv[2:])


def trial(make_carillon, make_peer, strict, talk, ours=(HERE, ROOMS_HERE)):
    """Both servers, certified or self-signed, while `talk(carillon, peer)` runs; their logs when it fails."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="carillon-federation-"))
    carillon = peer = None
    try:
        authority = Authority(folder)
        make = authority.certify if strict else authority.self_sign
        name = make_peer.func.name if hasattr(make_peer, "func") else make_peer.name
        here, there = make("ours", list(ours)), make("theirs", [f"{name}.example", f"rooms.{name}.example"])
        carillon = make_carillon(folder, certificate=here[0], key=here[1], strict=strict, authority=folder / "ca.pem")
        peer = make_peer(folder, certificate=there[0], key=there[1], strict=strict, authority=folder / "ca.pem")
        try:
            talk(carillon, peer)
        except BaseException:
            print(carillon.log_text()[-12000:], peer.log_text()[-12000:], sep=f"\n---- {peer.name}\n", file=sys.stderr)
            raise
    finally:
        for server in (peer, carillon):
            if server:
                server.stop()
        shutil.rmtree(folder, ignore_errors=True)
