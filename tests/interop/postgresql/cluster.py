"""A PostgreSQL server of its own for a test: a Unix socket, no network, a folder that goes away."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise AssertionError("there is no PostgreSQL: scripts/setup")
    return found[-1].parent


class Cluster:
    """PostgreSQL does not run as root: then it runs as the user that Debian makes for it."""

    def __init__(self, *options):
        self.bin = programs()
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="carillon-pg-"))
        if self.user:
            os.chown(self.work, self.user.pw_uid, self.user.pw_gid)
            os.chmod(self.work, 0o755)
        try:
            self.run("initdb", "-D", self.work / "data", "-U", "carillon", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                     "--no-sync")
            self.log = open(self.work / "log", "w")
            self.options = options
            self.start()
        except BaseException:
            shutil.rmtree(self.work, ignore_errors=True)
            raise

    def as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def run(self, program, *arguments):
        done = subprocess.run([self.bin / program, *arguments], capture_output=True, text=True, timeout=60, cwd=self.work,
                              **self.as_user())
        if done.returncode:
            raise AssertionError(f"{program}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self):
        settings = ["listen_addresses=", f"unix_socket_directories={self.work}", "fsync=off", "max_connections=50",
                    "shared_buffers=32MB", *self.options]
        self.process = subprocess.Popen([self.bin / "postgres", "-D", self.work / "data",
                                         *(word for setting in settings for word in ("-c", setting))], stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=self.work, **self.as_user())
        self.run("pg_isready", "-h", self.work, "-t", "30") if self.wait() else None

    def wait(self):
        for _ in range(300):
            if self.process.poll() is not None:
                raise AssertionError((self.work / "log").read_text())
            ready = subprocess.run([self.bin / "pg_isready", "-q", "-h", self.work, "-t", "2"], timeout=30)
            if ready.returncode == 0:
                return True
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError("PostgreSQL does not get ready")

    def restart(self):
        """As an administrator does it: sessions in hand are ended."""
        self.end()
        self.start()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def sql(self, statement, database="postgres"):
        return self.run("psql", "-h", self.work, "-U", "carillon", "-d", database, "-Atc", statement).strip()

    def uri(self, database="postgres"):
        return f"postgresql:///{database}?host={self.work}&user=carillon"

    def make(self, database):
        self.sql(f"CREATE DATABASE {database}")
        return self.uri(database)

    def stop(self):
        self.end()
        self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
