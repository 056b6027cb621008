"""The servers that scripts/bench xmpp compares: how each is configured, given its users, started and ended.

All get the same users (one password, one salt, SCRAM-SHA-1 and -256 keys stored), the same rosters and the same
certificate. Everything lies in a folder of its own and listens on 127.0.0.1 alone; no service of the system is touched.
"""
import base64
import contextlib
import hashlib
import hmac
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time

DOMAIN = "bench.test"
PASSWORD = "secret"
SALT = b"sixteen octets.."
ITERATIONS = 4096
CONTACTS = 20
START_TIMEOUT = 60.0
FILE_LIMIT = 64 * 1024 * 1024


def scram_keys(name):
    salted = hashlib.pbkdf2_hmac(name, PASSWORD.encode(), SALT, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", name)
    return hashlib.new(name, client).digest(), hmac.digest(salted, b"Server Key", name)


def contacts_of(number, users):
    """Neighbours on a ring, to both sides: subscriptions are mutual."""
    half = min(CONTACTS, users - 1) // 2
    return [(number + step) % users for step in [*range(-half, 0), *range(1, half + 1)]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}", "-days", "30",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())


class Server:
    """One server with `users` users in `folder`. Its process group is its own, so that it can be ended whole."""
    program = package = None

    def __init__(self, options, folder, users, archive):
        self.options, self.folder, self.users, self.archive = options, folder, users, archive
        self.port = free_port()
        self.https = free_port() if getattr(options, "files", False) else 0  # for uploads, if they are wanted
        self.log = folder / "server.log"
        self.process = None
        make_certificate(folder)

    def launch(self, command, **extra):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=self.folder, start_new_session=True, **extra)
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"bench: {command[0]} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def pids(self):
        """All processes of the server's group."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[2]) == self.process.pid:
                        found.append(int(entry.name))
        return found

    def stop(self):
        if self.process is None:
            return
        for end, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, end)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and (self.process.poll() is None or self.pids()):
                time.sleep(0.1)
            if self.process.poll() is not None and not self.pids():
                break
        self.process = None


class Carillon(Server):
    def start(self):
        (self.folder / "carillon.toml").write_text(textwrap.dedent(f"""\
            [network]
            bind = ["127.0.0.1"]
            c2s_port = {self.port}
            c2s_tls_port = 0
            http_port = 0
            https_port = {self.https}
            stun_port = 0
            [data]
            dir = "{self.folder}/data"
            [limits]
            connections_per_address = 20000
            connection_rate = 0
            [log]
            level = "warning"
            [relay]
            enabled = false
            [[host]]
            domain = "{DOMAIN}"
            certificate = "{self.folder}/cert.pem"
            key = "{self.folder}/key.pem"
            {'modules_enabled' if self.archive else 'modules_disabled'} = ["archive"]
            [module.http_upload]
            max_file = "{FILE_LIMIT}B"
            quota = "8GiB"
            slots = 1000
            """))
        command = [self.options.bin / "carillond", "--config", self.folder / "carillon.toml"]
        self.launch(command)  # makes the database
        self.stop()
        self.fill(self.folder / "data" / "carillon.sqlite")
        self.launch(command)

    def fill(self, file):
        def text(octets):
            return base64.b64encode(octets).decode()

        names = [f"u{i}@{DOMAIN}" for i in range(self.users)]
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.executemany("INSERT INTO users (jid, domain, created) VALUES (?, ?, 0)", [(n, DOMAIN) for n in names])
            for mechanism, name in (("SCRAM-SHA-1", "sha1"), ("SCRAM-SHA-256", "sha256")):
                stored, server = scram_keys(name)
                database.executemany(
                    "INSERT INTO scram_keys (jid, mechanism, salt, iterations, stored_key, server_key) VALUES (?, ?, ?, ?, ?, ?)",
                    [(n, mechanism, text(SALT), ITERATIONS, text(stored), text(server)) for n in names])
            database.executemany("INSERT INTO rosters (jid, version) VALUES (?, 1)", [(n,) for n in names])
            groups = "<groups xmlns='jabber:iq:roster'><group>Friends</group></groups>"
            both = 1 | 2 | 32  # to, from, listed
            database.executemany(
                "INSERT INTO roster_items (jid, contact, name, contact_groups, flags, request, version) VALUES (?, ?, ?, ?, ?, '', 1)",
                [(n, names[c], f"Friend {c}", groups, both) for i, n in enumerate(names) for c in contacts_of(i, self.users)])
            database.commit()


def write_prosody_data(folder, users):
    """Prosody's own files; ejabberd imports them."""
    host = folder / DOMAIN.replace(".", "%2e")
    for kind in ("accounts", "roster"):
        (host / kind).mkdir(parents=True, exist_ok=True)
    stored, server = scram_keys("sha1")
    account = (f'return {{ ["iteration_count"] = {ITERATIONS}; ["salt"] = "{SALT.decode()}"; '
               f'["stored_key"] = "{stored.hex()}"; ["server_key"] = "{server.hex()}"; }};\n')
    for i in range(users):
        (host / "accounts" / f"u{i}.dat").write_text(account)
        items = "".join(f'["u{c}@{DOMAIN}"] = {{ ["subscription"] = "both"; ["name"] = "Friend {c}"; '
                        '["groups"] = { ["Friends"] = true; }; };\n' for c in contacts_of(i, users))
        (host / "roster" / f"u{i}.dat").write_text(f"return {{ [false] = {{ [\"version\"] = 1; }};\n{items}}};\n")


class Prosody(Server):
    program, package = "prosody", ("prosody", "lua-event", "lua-dbi-sqlite3")

    def start(self):
        write_prosody_data(self.folder / "data", self.users)
        archive = '"mam";' if self.archive else ""
        upload = (f'Component "upload.{DOMAIN}" "http_file_share"\n'
                  f'http_file_share_size_limit = {FILE_LIMIT}\nhttp_file_share_daily_quota = {FILE_LIMIT * 1000}'
                  if self.https else "")
        (self.folder / "prosody.cfg.lua").write_text(textwrap.dedent(f"""\
            run_as_root = true
            daemonize = false
            pidfile = "{self.folder}/prosody.pid"
            data_path = "{self.folder}/data"
            interfaces = {{ "127.0.0.1" }}
            c2s_ports = {{ {self.port} }}
            c2s_direct_tls_ports = {{ }}
            http_ports = {{ }}
            https_ports = {{ {self.https or ""} }}
            https_ssl = {{ certificate = "{self.folder}/cert.pem"; key = "{self.folder}/key.pem" }}
            http_host = "{DOMAIN}"
            network_backend = "event"
            network_settings = {{ tcp_backlog = 512 }}
            modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "smacks"; "carbons"; "blocklist"; "csi_simple"; "ping"; {archive} }}
            modules_disabled = {{ "s2s" }}
            authentication = "internal_hashed"
            storage = "internal"
            archive_expires_after = "never"
            default_archive_policy = true
            c2s_require_encryption = true
            log = {{ warn = "*console" }}
            VirtualHost "{DOMAIN}"
                ssl = {{ certificate = "{self.folder}/cert.pem"; key = "{self.folder}/key.pem" }}
            Component "conference.{DOMAIN}" "muc"
            {upload}
            """))
        self.launch(["prosody", "--config", self.folder / "prosody.cfg.lua"])


class Ejabberd(Server):
    program, package = "ejabberdctl", ("ejabberd", "erlang-luerl")

    def start(self):
        write_prosody_data(self.folder / "prosody", self.users)
        archive = "mod_mam:\n    default: always" if self.archive else "mod_time: {}"
        upload_port, upload = "", ""
        if self.https:
            upload_port = (f'  - {{port: {self.https}, ip: "127.0.0.1", module: ejabberd_http, tls: true, '
                           'request_handlers: {/upload: mod_http_upload}}')
            upload = (f'  mod_http_upload: {{put_url: "https://@HOST@:{self.https}/upload", docroot: "{self.folder}/files", '
                      f'max_size: {FILE_LIMIT}, access: all}}\n')
        (self.folder / "ejabberd.yml").write_text(textwrap.dedent(f"""\
            loglevel: 3
            hosts: ["{DOMAIN}"]
            certfiles: ["{self.folder}/both.pem"]
            listen:
              -
                port: {self.port}
                ip: "127.0.0.1"
                module: ejabberd_c2s
                max_stanza_size: 262144
                starttls_required: true
                backlog: 512
            {upload_port}
            auth_method: internal
            auth_password_format: scram
            acl: {{local: {{user_regexp: ""}}}}
            access_rules: {{local: {{allow: local}}, c2s: {{allow: all}}}}
            modules:
              mod_blocking: {{}}
              mod_caps: {{}}
              mod_carboncopy: {{}}
              mod_client_state: {{}}
              mod_disco: {{}}
              mod_offline: {{}}
              mod_muc: {{max_users: 5000, default_room_options: {{max_users: 5000}}}}
              mod_ping: {{}}
              mod_privacy: {{}}
              mod_roster: {{versioning: true}}
              mod_stream_mgmt: {{resend_on_timeout: if_offline}}
              """) + f"  {archive}\n{upload}")
        (self.folder / "mnesia").mkdir()
        environment = {**os.environ, "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
                       "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"), "HOME": str(self.folder),
                       "ERL_LIBS": "/usr/lib/x86_64-linux-gnu", "ERL_MAX_PORTS": "32000", "ERL_CRASH_DUMP_BYTES": "0"}
        imported = self.folder / "imported"
        # Without a node name, so that no port mapper is started; the users are imported in the node itself.
        load = (f'R = prosody2ejabberd:from_dir("{self.folder}/prosody"), '
                f'ok = file:write_file("{imported}", io_lib:format("~p", [R])).')
        self.launch(["erl", "-noinput", "+K", "true", "+P", "250000", *self.options.erl.split(), "-mnesia", "dir",
                     f'"{self.folder}/mnesia"', "-eval", f"{{ok, _}} = application:ensure_all_started(ejabberd), {load}"],
                    env=environment)
        deadline = time.monotonic() + START_TIMEOUT
        while not imported.exists() or not imported.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"bench: ejabberd did not take its users:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)


SERVERS = {"carillon": Carillon, "prosody": Prosody, "ejabberd": Ejabberd}
