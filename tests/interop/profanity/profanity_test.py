"""Two people at profanity, a client in a terminal, judged by what stands on their screens: log-in, roster, subscription, presence, a
conversation.  Usage: profanity_test.py FOLDER_OF_PROGRAMS"""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "calls"))
from server import DOMAIN, Server  # noqa: E402

WAIT = 20


class Profanity:
    def __init__(self, server, user):
        self.name, self.tmux = user, ["tmux", "-S", str(server.work / f"{user}.tmux")]
        home = server.work / user
        accounts = home / "data" / "profanity"
        accounts.mkdir(parents=True)
        (accounts / "accounts").write_text(f"""[{user}]
enabled=true
jid={user}@{DOMAIN}
resource=profanity
server=127.0.0.1
port={server.port}
password={user}-secret
tls.policy=trust
presence.login=online
""")
        settings = home / "config" / "profanity"
        settings.mkdir(parents=True)
        (settings / "profrc").write_text("[ui]\nsplash=false\nroster=false\n[connection]\nreconnect=0\n")
        surroundings = dict(os.environ, HOME=str(home), XDG_DATA_HOME=str(home / "data"), XDG_CONFIG_HOME=str(home / "config"),
                            TERM="screen", LC_ALL="C.UTF-8")
        surroundings.pop("TMUX", None)
        subprocess.run([*self.tmux, "-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "50", "profanity", "-a", user],
                       env=surroundings, check=True, timeout=10)

    def screen(self):
        return subprocess.run([*self.tmux, "capture-pane", "-p"], capture_output=True, text=True, timeout=10).stdout

    def type(self, line):
        subprocess.run([*self.tmux, "send-keys", "-l", line], check=True, timeout=10)
        subprocess.run([*self.tmux, "send-keys", "Enter"], check=True, timeout=10)

    def sees(self, *texts):
        """Waits until a line of the screen holds all of these."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            screen = self.screen()
            for line in screen.splitlines():
                if all(text in line for text in texts):
                    print(f"{self.name}: {line.strip()}")
                    return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} never saw {texts}:\n{screen}")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], timeout=10, stderr=subprocess.DEVNULL)  # it may have quit


def conversation(server, romeo, juliet):
    romeo.sees("logged in successfully")
    juliet.sees("logged in successfully")
    romeo.type(f"/roster add juliet@{DOMAIN} Julia")
    romeo.sees("Roster item added", f"juliet@{DOMAIN}")
    romeo.type(f"/sub request juliet@{DOMAIN}")
    juliet.sees("Received authorization request from", f"romeo@{DOMAIN}")
    juliet.type(f"/sub allow romeo@{DOMAIN}")
    romeo.sees("Julia", "online")
    romeo.type("/clear")
    romeo.type("/roster")
    romeo.sees("Julia", f"juliet@{DOMAIN}")
    romeo.type("/clear")
    romeo.type("/who online")
    romeo.sees("Julia", "is online")
    romeo.type(f"/msg juliet@{DOMAIN} By what name shall I call <you> & yours? ☂")
    juliet.sees("romeo", "win 2")
    juliet.type("/win 2")
    juliet.sees("By what name shall I call <you> & yours? ☂")
    juliet.type("None that I would not answer")
    romeo.sees("None that I would not answer")
    juliet.type("/win 1")
    juliet.type("/disco info " + DOMAIN)
    juliet.sees("urn:xmpp:ping")
    juliet.type("/ping")
    juliet.sees("Ping response from server")
    juliet.type("/quit")
    romeo.type("/win 1")
    romeo.sees("Julia", "offline")


def main():
    server = Server(sys.argv[1], relay=False)
    people = []
    try:
        people = [Profanity(server, user) for user in ("romeo", "juliet")]
        conversation(server, *people)
    finally:
        for person in people:
            person.close()
        server.stop()


if __name__ == "__main__":
    main()
