"""Two libstrophe clients (C) against carillond.  Usage: strophe_test.py FOLDER_OF_PROGRAMS STROPHE_CLIENT"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402


def main():
    server = Server(sys.argv[1], relay=False)
    try:
        done = subprocess.run([sys.argv[2], f"romeo@{DOMAIN}", "romeo-secret", f"juliet@{DOMAIN}", "juliet-secret",
                               str(server.port), str(server.tls_port)], timeout=60)
        if done.returncode:
            print(server.log_text(), file=sys.stderr)
        return done.returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
