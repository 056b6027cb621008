"""A relay worker of its own for a load, and what its threads cost."""
import os
import pathlib
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(stat):
    fields = pathlib.Path(stat).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def thread_seconds(pid):
    """CPU by the names of threads; those of one name together."""
    spent = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            # Finer than the ticks of stat: nanoseconds on a processor.
            spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            pass
    return spent


class Worker:
    def __init__(self, programs, folder, *more):
        self.control = folder / "relay.sock"
        first = 14000 + os.getpid() % 14 * 1000
        self.process = subprocess.Popen(
            [f"{programs}/carillon-relay", "--control", self.control, "--bind", "127.0.0.1", "--ports", f"{first}-{first + 999}",
             *map(str, more)], stdout=subprocess.DEVNULL, stderr=open(folder / "relay.log", "w"))
        for _ in range(100):
            if self.control.exists():
                return
            time.sleep(0.1)
        raise RuntimeError((folder / "relay.log").read_text())

    def threads(self):
        return thread_seconds(self.process.pid)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
