#!/usr/bin/python3
"""Announcements as scripts/make-greeting speaks them: a caller of somebody who is away hears the greeting.

Usage: spoken_test.py DIR_WITH_PROGRAMS
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "calls"))
from server import DOMAIN, Server, free_port  # noqa: E402

MAKE = HERE.parents[2] / "scripts/make-greeting"
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"


class MailServer(Server):
    """Voicemail wants pages over TLS."""

    def start(self):
        self.config.write_text(self.config.read_text().replace("https_port = 0", f"https_port = {free_port()}"))
        super().start()


def main():
    binaries = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="carillon-spoken-") as sounds:
        subprocess.run([MAKE, sounds], check=True, stdout=subprocess.DEVNULL, timeout=100)
        names = {path.stem for path in pathlib.Path(sounds).iterdir()}
        assert names >= {"greeting", "done", "refused", "deleted", "end-of-messages", "new-messages", "message", "0", "42", "100"}, names
        server = MailServer(binaries, users=("romeo", "juliet"),
                        more=f'[module.endpoints]\nvoicemail = true\nvoicemail_sounds = "{sounds}"\n')
        try:
            heard = server.work / "heard.wav"
            done = subprocess.run(
                [binaries / "carillon-phone", "call", f"juliet@{DOMAIN}", "--jid", f"romeo@{DOMAIN}/phone", "--password", "romeo-secret",
                 "--host", "127.0.0.1", "--port", str(server.port), "--trust", next(server.data.glob("**/*.crt")), "--bind", "127.0.0.1",
                 "--json", "--raw-udp", "--codec", "pcma", "--play", SPEECH, "--record", heard, "--seconds", "8"], capture_output=True,
                text=True, timeout=90)
            assert done.returncode == 0, done.stdout + done.stderr + server.log_text()
            alike = subprocess.run([binaries / "carillon-phone", "compare", "--json", "--least", "-1", f"{sounds}/greeting.wav", heard],
                                   capture_output=True, text=True, check=True, timeout=60)
            correlation = json.loads(alike.stdout)["correlation"]
            assert correlation > 0.85, correlation
            print(f"ok      the greeting is heard: {correlation}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
