#!/usr/bin/env python3
"""scripts/bench xmpp: memory per session, CPU per message and per log-in of Carillon, prosody and ejabberd.

Every measurement has its server freshly started and alone, with the same users, rosters, certificate and load.
Not here: the load itself (xmpp_load), the servers' configurations (servers.py), how the numbers are read (docs/performance.md).
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from servers import DOMAIN, PASSWORD, SERVERS

# name: (mode of xmpp_load, its arguments, archive on, what the figure is)
LOADS = {
    "idle": ("idle", [], False, "idle sessions over TLS, each with a roster of 20, stream management on"),
    "chat": ("chat", [], False, "messages between 200 users at saturation, 5 of each on their way"),
    "paced": ("chat", ["--rate", "500"], False, "messages between 200 users, 500 a second in all"),
    "chat-archive": ("chat", [], True, "as chat, every message archived for both"),
    "paced-archive": ("chat", ["--rate", "500"], True, "as paced, every message archived for both"),
    "room-joins": ("room-joins", [], False, "joins of the last 50 occupants of a room"),
    "room-chat": ("room-chat", ["--window", "2"], False, "messages to all occupants of a room, 2 on their way; each copy counts"),
    "logins": ("logins", [], False, "log-ins: STARTTLS, SCRAM-SHA-1, bind, farewell; 16 at a time"),
}
CHAT_USERS = 200


def is_installed(package):
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return asked.stdout == "installed"


def install(servers):
    wanted = [SERVERS[name] for name in servers if SERVERS[name].package]
    packages = [package for server in wanted for package in server.package if not is_installed(package)]
    if not packages:
        return
    print(f"bench: installing {' '.join(packages)} from Debian, to compare with; services are not started", file=sys.stderr)
    policy = pathlib.Path("/usr/sbin/policy-rc.d")  # what asks Debian's packages not to start anything
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    finally:
        if made:
            policy.unlink()


def measure(options, name, load):
    mode, arguments, archive, _ = LOADS[load]
    users = options.sessions if mode == "idle" else options.occupants if mode.startswith("room") else CHAT_USERS
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        server = SERVERS[name](options, pathlib.Path(folder), users, archive)
        try:
            server.start()
            time.sleep(2)  # whatever it still does after its start
            pids = [argument for pid in server.pids() for argument in ("--pid", str(pid))]
            done = subprocess.run([options.bin / "xmpp_load", mode, "--port", str(server.port), "--domain", DOMAIN,
                                   "--password", PASSWORD, "--users", str(users), "--seconds", str(options.seconds),
                                   "--settle", str(options.settle), *pids, *arguments],
                                  stdout=subprocess.PIPE, text=True, timeout=900)
        finally:
            server.stop()
        if done.returncode != 0:
            sys.exit(f"bench: no result for {name} under {load}; its log ends:\n{server.log.read_text()[-2000:]}")
    raw = json.loads(done.stdout)
    figures = {"lost": raw["lost"], "raw": raw}
    if mode == "idle":
        figures["kib"] = (raw["resident_after_kib"] - raw["resident_before_kib"]) / raw["events"]
    else:
        figures["cpu_us"] = raw["cpu_seconds"] * 1e6 / max(raw["events"], 1)
        figures["rate"] = raw["events"] / raw["seconds"]
        figures["p50_ms"], figures["p99_ms"] = raw["p50_us"] / 1000, raw["p99_us"] / 1000
    return figures


COLUMNS = {
    "idle": [("KiB a session", "kib", 1)],
    "chat": [("CPU µs a message", "cpu_us", 1), ("messages/s", "rate", 0), ("p50 ms", "p50_ms", 1), ("p99 ms", "p99_ms", 1)],
    "room-joins": [("CPU µs a join", "cpu_us", 0), ("p50 ms", "p50_ms", 1), ("p99 ms", "p99_ms", 1)],
    "room-chat": [("CPU µs a copy", "cpu_us", 2), ("copies/s", "rate", 0), ("p50 ms", "p50_ms", 1), ("p99 ms", "p99_ms", 1)],
    "logins": [("CPU µs a log-in", "cpu_us", 0), ("log-ins/s", "rate", 0)],
}


def table(load, results):
    columns = COLUMNS[LOADS[load][0]]
    yield "| server | " + " | ".join(title for title, _, _ in columns) + " | lost |"
    yield "|---" * (len(columns) + 2) + "|"
    for name, runs in results.items():
        cells = [f"{statistics.median(run[key] for run in runs):.{digits}f}" for _, key, digits in columns]
        yield f"| {name} | " + " | ".join(cells) + f" | {sum(run['lost'] for run in runs)} |"


def compare(options):
    everything = {}
    for load in options.loads:
        results = {name: [] for name in options.server}
        for _ in range(options.repeats):
            for name in options.server:
                results[name].append(measure(options, name, load))
                print(f"bench: {load} {name}: {json.dumps(results[name][-1])}", file=sys.stderr, flush=True)
        print(f"\n{load}: {LOADS[load][3]}. Median of {options.repeats}.\n")
        print("\n".join(table(load, results)), flush=True)
        everything[load] = results
    return everything


def parse_arguments():
    def words(allowed):
        def parse(value):
            chosen = value.split(",")
            if not set(chosen) <= set(allowed):
                raise argparse.ArgumentTypeError(f"choose among {','.join(allowed)}")
            return chosen
        return parse

    parser = argparse.ArgumentParser(prog="scripts/bench xmpp", description=__doc__.splitlines()[0])
    parser.add_argument("--server", type=words(SERVERS), default=list(SERVERS), metavar="A,B", help=f"among {','.join(SERVERS)}")
    parser.add_argument("--loads", type=words(LOADS), default=list(LOADS), metavar="A,B", help=f"among {','.join(LOADS)}")
    parser.add_argument("--sessions", type=int, default=5000, help="idle sessions")
    parser.add_argument("--occupants", type=int, default=1000, help="of the room")
    parser.add_argument("--quick", action="store_true", help="1000 idle sessions, 3 seconds a measurement")
    parser.add_argument("--seconds", type=float, default=8, help="of one measurement")
    parser.add_argument("--settle", type=float, default=15, help="seconds before memory is read")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--erl", default="+sbwt none +sbwtdcpu none +sbwtdio none", help="options for ejabberd's virtual machine")
    parser.add_argument("--json", type=pathlib.Path, help="also write every single result here")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--smoke", action="store_true", help="a few sessions, no timings: fail if anything is lost")
    return parser.parse_args()


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))  # so that the server of the moment ends too
    options.bin = options.bin.resolve()
    if options.quick:
        options.sessions, options.seconds, options.settle = 1000, 3, 5
    if options.smoke:
        options.sessions, options.seconds, options.settle, options.occupants = 40, 1, 0.5, 60
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if not options.smoke:
        install(options.server)
    everything = compare(options)
    if options.json:
        options.json.write_text(json.dumps({
            "kernel": platform.release(), "cores": len(os.sched_getaffinity(0)), "arguments": sys.argv[1:],
            "date": time.strftime("%Y-%m-%d"), "loads": everything}, indent=1) + "\n")
    if options.smoke and any(run["lost"] for results in everything.values() for runs in results.values() for run in runs):
        sys.exit("bench: something was lost")


if __name__ == "__main__":
    main()
