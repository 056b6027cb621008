"""Clients of the JavaScript world against carillond, see clients.mjs and strophe.mjs. The packages are installed below the build folder, with the versions
of package-lock.json. Without node, npm or a registry the test is skipped (77), but fails where CARILLON_NO_SKIP is set.
Usage: npm_test.py FOLDER_OF_PROGRAMS FOLDER_FOR_PACKAGES"""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

SKIPPED = 1 if os.environ.get("CARILLON_NO_SKIP") else 77


def install(folder):
    """npm ci, once for each version of the lock file. What went wrong, if anything."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (HERE / "package-lock.json").read_text()
        done = folder / "installed"
        if done.exists() and done.read_text() == wanted:
            return None
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"], cwd=folder,
                                capture_output=True, text=True, timeout=240)
        if result.returncode:
            return result.stderr.strip()[-500:]
        done.write_text(wanted)


def main():
    for program in ("node", "npm"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed")
            return SKIPPED
    folder = pathlib.Path(sys.argv[2])
    if problem := install(folder):
        unreachable = any(sign in problem for sign in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT"))
        print(("skipped: the package registry cannot be reached: " if unreachable else "npm ci failed: ") + problem)
        return SKIPPED if unreachable else 1
    server = Server(sys.argv[1], relay=False)
    socket, bosh = (f"{scheme}://127.0.0.1:{server.http_port}/{path}" for scheme, path in (("ws", "xmpp-websocket"), ("http", "http-bind")))
    try:
        for script, where in (("clients.mjs", (str(server.port), str(server.tls_port), socket)), ("strophe.mjs", (socket, bosh))):
            shutil.copy(HERE / script, folder / script)
            done = subprocess.run(["node", "--no-warnings", folder / script, DOMAIN, *where],
                                  env=dict(os.environ, NODE_TLS_REJECT_UNAUTHORIZED="0"), timeout=100)
            if done.returncode:
                print(server.log_text(), file=sys.stderr)
                return done.returncode
        return 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
