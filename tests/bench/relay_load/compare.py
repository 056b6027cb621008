#!/usr/bin/env python3
"""scripts/bench relay: CPU per forwarded packet of Carillon's worker, rtpengine, coturn and a bare forwarder.

One run measures all of them in turn, several times over, and prints medians as a table and, on request, JSON.
The relay has one core for itself and the load generator another; everything stays on 127.0.0.1.
Not here: the load itself (relay_load), how the numbers are read (docs/performance.md).
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LOADS = {
    "g711": "two-way G.711 calls, 50 packets/s each way, 172 B",
    "video": "two-way video calls, 30 frames/s each way, bursts of 10 packets of 1200 B",
    "max": "highest rate of 172 B packets without loss",
    "max-video": "highest rate of 1200 B packets, in bursts of 10, without loss",
    "half": "G.711 packets at half of the highest rate without loss",
    "flood": "G.711 calls that send far more than the relay carries, for two seconds",
    "soak": "G.711 calls over legs of every kind, beside calls that come and go",
    "setup": "calls opened one after the other, each with two ports ready",
    "sdes-cm": "two-way G.711 calls, SDES-SRTP (AES_CM_128_HMAC_SHA1_80) on one side, RTP on the other",
    "sdes-gcm": "two-way G.711 calls, SDES-SRTP (AEAD_AES_128_GCM) on one side, RTP on the other",
    "dtls": "two-way G.711 calls, DTLS-SRTP on both sides, each with the profile that the relay prefers",
}
BRIDGED = ["sdes-cm", "sdes-gcm", "dtls"]  # only for relays that open packets
BRIDGES = ["carillon", "carillon-kernel", "carillon-one-port", "carillon-no-journal", "rtpengine"]
# The lines of docs/performance.md's table: load, calls, relays, and what is to be reached of which figure.
# A goal is a ratio to another relay in the same run (at most, or at least), or a bound.
LINES = {
    "g711": ("g711", 1000, ["carillon", "rtpengine", "coturn", "floor"], [("cpu_us_per_packet", "rtpengine", "<=", 0.5), ("cpu_us_per_packet", "coturn", "<=", 0.8), ("lost", None, "<=", 0)]),
    "video": ("video", 100, ["carillon", "rtpengine", "coturn", "floor-gso"], [("cpu_us_per_packet", "coturn", "<=", 0.6), ("cpu_us_per_packet", "rtpengine", "<=", 0.5), ("lost", None, "<=", 0)]),
    "turn-audio": ("g711", 1000, ["carillon-turn", "coturn"], [("cpu_us_per_packet", "coturn", "<=", 0.85), ("lost", None, "<=", 0)]),
    "turn-video": ("video", 100, ["carillon-turn", "coturn"], [("cpu_us_per_packet", "coturn", "<=", 0.6), ("lost", None, "<=", 0)]),
    "max-audio": ("max", 50, ["carillon", "coturn", "rtpengine"], [("max_packets_per_second", "coturn", ">=", 1.15), ("max_packets_per_second", "rtpengine", ">=", 1.0)]),
    "max-video": ("max-video", 50, ["carillon", "coturn", "rtpengine"], [("max_packets_per_second", "coturn", ">=", 2.5), ("max_packets_per_second", "rtpengine", ">=", 1.0)]),
    "kernel-g711": ("g711", 1000, ["carillon-kernel", "carillon", "rtpengine", "coturn"], [("cpu_us_per_packet", "rtpengine", "<=", 0.5), ("cpu_us_per_packet", "coturn", "<=", 0.8), ("lost", None, "<=", 0)]),
    "kernel-video": ("video", 100, ["carillon-kernel", "carillon", "rtpengine", "coturn"], [("cpu_us_per_packet", "coturn", "<=", 0.6), ("cpu_us_per_packet", "rtpengine", "<=", 0.5), ("lost", None, "<=", 0)]),
    "kernel-delay": ("half", 50, ["carillon-kernel"], [("latency_p99_us", None, "<=", 200)]),
    "delay": ("half", 50, ["carillon"], [("latency_p99_us", None, "<=", 200)]),
    "flood": ("flood", 200, ["carillon", "rtpengine"], [("clean_after_ms", None, "<=", 200)]),
    "setup": ("setup", 2000, ["carillon-together", "carillon", "rtpengine"], [("setups_per_second", None, ">=", 5000), ("memory_kib_per_call", None, "<=", 8)]),
}
for load in ["sdes-cm", "sdes-gcm", "dtls"]:
    for calls, ratio in [(200, 0.7), (1000, 0.5)]:
        goals = [("cpu_us_per_packet", "rtpengine", "<=", ratio), ("lost", None, "<=", 0)]
        LINES[f"kernel-{load}-{calls}"] = (load, calls, ["carillon-kernel", "rtpengine"], goals)
        LINES[f"{load}-{calls}"] = (load, calls, ["carillon", "rtpengine"], goals + ([("memory_kib_per_call", None, "<=", 40)] if load == "dtls" else []))
VIDEO_CALLS = 100
MAX_CALLS = 50
CONTROL = ["flood", "setup"]
SEARCHES = ["max", "max-video", "half"]
PACKAGES = {"rtpengine": ("rtpengine", "rtpengine-daemon"), "coturn": ("turnserver", "coturn")}
START_TIMEOUT = 15.0
QUIET_CORES = 0.1  # more work than this beside the benchmark makes its figures doubtful
SEARCH_SECONDS = 1.0  # of one trial; a search makes about fifteen


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_core(options, core):
    """Pins what follows to a core; on a machine that does other work too, ahead of that work."""
    return [*(["chrt", "--fifo", "10"] if options.realtime else []), "taskset", "-c", str(core)]


class NoResult(Exception):
    """The load generator gave up; it has said why."""


class Relay:
    """A relay process pinned to a core; `target()` is what relay_load needs to reach it."""
    together = 1

    def kernel_us_per_packet(self):
        """Of a program in the kernel, which no process is charged for."""
        return 0

    def __init__(self, options, folder, calls):
        self.options, self.folder, self.calls = options, folder, calls
        self.log = open(folder / "relay.log", "w+")

    def start(self):
        command = self.command()
        self.process = subprocess.Popen([*on_core(self.options, self.options.relay_core), *command], stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder)
        deadline = time.monotonic() + START_TIMEOUT
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {command[0]} did not start:\n{(self.folder / 'relay.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Carillon(Relay):
    def command(self):
        self.control = self.folder / "relay.sock"
        return [self.options.bin / "carillon-relay", "--control", self.control, "--bind", "127.0.0.1",
                "--ports", "20000-32000", "--log-level", "warning", *self.journal(), *self.options.worker.split()]

    def journal(self):
        """As carillond starts it; on a tmpfs, as its service does."""
        return ["--journal", f"/dev/shm/relay-bench-{os.getpid()}.journal"]

    def ready(self):
        return self.control.exists()

    def target(self):
        return "carillon", self.control


class CarillonTogether(Carillon):
    """Sixteen calls are asked for at a time, as a busy call server does."""
    together = 16


class CarillonNoJournal(Carillon):
    """What the journal costs."""

    def journal(self):
        return []


class CarillonKernel(Carillon):
    """The kernel forwards settled flows (docs/kernel-path.md); what its program takes there is added."""

    def command(self):
        pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").write_text("1")
        return [*super().command(), "--kernel-path", "lo"]

    def kernel_us_per_packet(self):
        for info in pathlib.Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
            if int(fields.get("run_cnt", 0)):
                return int(fields["run_time_ns"]) / int(fields["run_cnt"]) / 1000
        raise NoResult("the kernel forwards nothing: " + (self.folder / "relay.log").read_text()[-500:])

    def stop(self):
        pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").write_text("0")
        super().stop()


class CarillonOnePort(Carillon):
    """ICE legs that end at the relay share one port: the load "dtls"."""

    def command(self):
        return [*super().command(), "--ice-port", "19999"]


class CarillonTurn(Carillon):
    """Its TURN server; users may reach loopback, and one holds all allocations."""

    def command(self):
        self.port = free_port()
        (self.folder / "users").write_text("bench:bench\n")
        return [*super().command(), "--stun-bind", "127.0.0.1", "--stun-port", str(self.port), "--turn-users-file",
                self.folder / "users", "--turn-allow", "127.0.0.0/8", "--turn-allocations", "5000"]

    def target(self):
        return "turn", self.port


class Floor(Relay):
    program, mode = "relay_floor", []

    def command(self):
        return [self.options.bin / self.program, str(self.calls), *self.mode]

    def ready(self):
        return "ready" in (self.folder / "relay.log").read_text()

    def target(self):
        return "ports", self.folder / "relay.log"


class FloorGso(Floor):
    mode = ["gso"]


class FloorCoalesce(Floor):
    mode = ["coalesce"]


class FloorUring(Floor):
    program = "relay_floor_uring"


class Rtpengine(Relay):
    def command(self):
        self.port = free_port()
        return ["rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
                "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{self.port}", "--num-threads=1",
                "--port-min=20000", "--port-max=32000", f"--pidfile={self.folder}/rtpengine.pid"]

    def ready(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ng:
            ng.settimeout(0.2)
            with contextlib.suppress(OSError):
                ng.connect(("127.0.0.1", self.port))
                ng.send(b"0 d7:command4:pinge")
                return b"pong" in ng.recv(1000)
        return False

    def target(self):
        return "rtpengine", self.port


class Coturn(Relay):
    def command(self):
        self.port = free_port()
        return ["turnserver", "-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1",
                f"--listening-port={self.port}", "--no-auth", "--no-tls", "--no-dtls", "--no-tcp", "--no-cli",
                "--no-tcp-relay", "--allow-loopback-peers", "--relay-threads=1", "--min-port=20000",
                "--max-port=32000", "--realm=bench", f"--userdb={self.folder}/turn.db", "--log-file=stdout",
                f"--pidfile={self.folder}/turn.pid"]

    def ready(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            with contextlib.suppress(OSError):
                client.connect(("127.0.0.1", self.port))
                client.send(bytes.fromhex("000100002112a442") + b"bench-ready!")  # a STUN Binding request
                return client.recv(1000)[:2] == b"\x01\x01"
        return False

    def target(self):
        return "turn", self.port


RELAYS = {"carillon": Carillon, "carillon-no-journal": CarillonNoJournal, "carillon-together": CarillonTogether, "carillon-one-port": CarillonOnePort, "carillon-turn": CarillonTurn, "carillon-kernel": CarillonKernel, "rtpengine": Rtpengine, "coturn": Coturn, "floor": Floor, "floor-gso": FloorGso,
          "floor-coalesce": FloorCoalesce, "floor-uring": FloorUring}


def install(relays):
    missing = [package for name, (program, package) in PACKAGES.items() if name in relays and not shutil.which(program)]
    if not missing:
        return
    print(f"bench: installing {' '.join(missing)} from Debian, to compare with; their services are not started")
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *missing], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"})


def busy_seconds():
    """CPU time all cores have spent on anything since boot."""
    user, nice, system, _, _, irq, softirq, *_ = (int(x) for x in pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def own_seconds(pid):
    """CPU time of a running relay and of all children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + ended.ru_utime + ended.ru_stime


def measure_in_quiet(options, name, load, calls):
    """Measures again, as often as --patience says, while the machine was busy with other work."""
    for attempt in range(options.patience + 1):
        outcome = measure(options, name, load, calls)
        if outcome["other_work_cores"] <= QUIET_CORES:
            break
        if attempt < options.patience:
            print(f"bench: {outcome['other_work_cores']:.2f} cores were busy with other work; again", file=sys.stderr)
            time.sleep(2)
    return outcome


def measure(options, name, load, calls):
    """One relay, freshly started, under one load: what relay_load printed, and how busy the machine was otherwise."""
    if load in CONTROL:  # ahead of everything else would mean ahead of the relay's own control thread
        options = argparse.Namespace(**{**vars(options), "realtime": False})
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        relay = RELAYS[name](options, pathlib.Path(folder), calls)
        relay.start()
        try:
            kind, at = relay.target()
            seconds = SEARCH_SECONDS if load in SEARCHES else options.seconds
            command = [*on_core(options, options.load_core), options.bin / "relay_load", "--peer", kind, "--at", str(at),
                       "--load", load, "--calls", str(calls), "--pid", str(relay.process.pid),
                       "--core", str(options.relay_core), "--seconds", str(seconds),
                       "--warm-up", str(options.warm_up), "--spin", "0" if options.smoke else "1", "--joined", "1" if options.joined else "0", "--together", str(relay.together)]
            began, busy, own = time.monotonic(), busy_seconds(), own_seconds(relay.process.pid)
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600)
            other = busy_seconds() - busy - (own_seconds(relay.process.pid) - own)
            other /= time.monotonic() - began
            kernel = relay.kernel_us_per_packet()
        finally:
            relay.stop()
    if done.returncode != 0:
        raise NoResult(f"no result for {name} under {load}")
    figures = {**json.loads(done.stdout), "other_work_cores": round(max(other, 0.0), 3)}
    if kernel:
        figures["kernel_us_per_packet"] = round(kernel, 4)
        figures["cpu_us_per_packet"] = round(figures.get("cpu_us_per_packet", 0) + kernel, 4)
    return figures


def spread(runs, key, digits):
    values = [run[key] for run in runs]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(load, results):
    """Markdown rows, best first."""
    if load == "setup":
        yield "| relay | calls/s | CPU µs a call | KiB a call |"
        yield "|---|---|---|---|"
        for name, runs in sorted(results.items(), key=lambda r: -median(r[1], "setups_per_second")):
            yield (f"| {name} | {spread(runs, 'setups_per_second', 0)} | {spread(runs, 'cpu_us_per_setup', 1)} | "
                   f"{median(runs, 'memory_kib_per_call'):.1f} |")
        return
    if load == "flood":
        yield "| relay | offered, delivered packets/s | least of a stream, of the mean | control: answers, refusals, worst ms | clean, prompt after ms |"
        yield "|---|---|---|---|---|"
        for name, runs in results.items():
            yield (f"| {name} | {median(runs, 'offered_per_second'):.0f}, {median(runs, 'delivered_per_second'):.0f} | {spread(runs, 'least_share', 2)} | "
                   f"{median(runs, 'control_answers'):.0f}, {median(runs, 'control_refused'):.0f}, {median(runs, 'control_worst_ms'):.1f} | "
                   f"{spread(runs, 'clean_after_ms', 0)}, {spread(runs, 'prompt_after_ms', 0)} |")
        return
    if load in ["max", "max-video"]:
        yield "| relay | packets/s without loss | core in use there | stopped by |"
        yield "|---|---|---|---|"
        for name, runs in sorted(results.items(), key=lambda r: -median(r[1], "max_packets_per_second")):
            stops = sorted({run["limited_by"] for run in runs})
            yield (f"| {name} | {spread(runs, 'max_packets_per_second', 0)} | "
                   f"{median(runs, 'core_use'):.0%} | {', '.join(stops)} |")
        return
    yield "| relay | CPU µs/packet | times the floor | lost of sent | latency p50 / p99 µs | KiB a call |"
    yield "|---|---|---|---|---|---|"
    for name, runs in sorted(results.items(), key=lambda r: median(r[1], "cpu_us_per_packet")):
        yield (f"| {name} | {spread(runs, 'cpu_us_per_packet', 2)} | {times_floor(runs, results.get('floor'))} | "
               f"{sum(r['lost'] for r in runs)} of {sum(r['sent'] for r in runs)} | "
               f"{median(runs, 'latency_p50_us'):.0f} / {median(runs, 'latency_p99_us'):.0f} | "
               f"{median(runs, 'memory_kib_per_call'):.0f} |")


def times_floor(runs, floors):
    """The median over repetitions of the ratio within a repetition: what slows the machine down slows both."""
    if not floors:
        return ""
    ratios = [run["cpu_us_per_packet"] / floor["cpu_us_per_packet"] for run, floor in zip(runs, floors)]
    return f"{statistics.median(ratios):.2f}"


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def calls_of(options, load):
    return MAX_CALLS if load in SEARCHES else min(options.calls, VIDEO_CALLS) if load == "video" else options.calls


def verdicts(goals, results):
    """One line a goal: what it is, what was seen in these runs."""
    ours, *_ = results
    for figure, other, way, bound in goals:
        if other and not results.get(other):
            yield f"- {figure} of {ours}: {other} gave no result to compare with"
            continue
        if other:
            seen = statistics.median(mine[figure] / theirs[figure] for mine, theirs in zip(results[ours], results[other]))
        else:
            seen = sum(run[figure] for run in results[ours]) if figure == "lost" else median(results[ours], figure)
        reached = seen <= bound if way == "<=" else seen >= bound
        of = f", as a ratio to {other}" if other else ""
        yield f"- {figure} of {ours}{of}: {seen:.2f} (goal {way} {bound:g}: {'reached' if reached else 'missed'})"


def plan(options):
    """What to measure: name, load, calls, relays, goals."""
    if options.lines:
        return [(line, *LINES[line]) for line in options.lines]
    return [(load, load, calls_of(options, load),
             [name for name in options.relays if load not in BRIDGED or name in BRIDGES], []) for load in options.loads]


def compare(options):
    everything = {}
    for line, load, calls, relays, goals in plan(options):
        results = {name: [] for name in relays}
        for repeat in range(options.repeats):
            turn = repeat % len(relays)
            for name in relays[turn:] + relays[:turn]:
                try:
                    results[name].append(measure_in_quiet(options, name, load, calls))
                except NoResult as failure:
                    if name == relays[0]:
                        sys.exit(f"bench: {failure}")
                    print(f"bench: {failure}", file=sys.stderr, flush=True)
                    continue
                print(f"bench: {line} {repeat + 1}/{options.repeats} {name}: {json.dumps(results[name][-1])}",
                      file=sys.stderr, flush=True)
        results = {name: runs for name, runs in results.items() if runs}
        print(f"\n{calls} calls through one core. {LOADS[load]}. Median of {options.repeats} (min-max)\n")
        print("\n".join([*table(load, results), *([""] if goals else []), *verdicts(goals, results)]), flush=True)
        other = max(run["other_work_cores"] for runs in results.values() for run in runs)
        if other > QUIET_CORES:
            print(f"\nDoubtful: up to {other:.2f} cores were busy with other work.", flush=True)
        everything[line] = {"load": load, "calls": calls, "relays": results}
    return everything


def soak(options):
    """Minutes of calls through one worker: nothing is lost, and neither memory nor files nor delay grows."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        relay = Carillon(options, pathlib.Path(folder), options.calls)
        relay.start()
        try:
            kind, at = relay.target()
            load = subprocess.Popen([*on_core(options, options.load_core), options.bin / "relay_load", "--peer", kind, "--at", str(at), "--load", "soak",
                                     "--calls", str(options.calls), "--pid", str(relay.process.pid), "--core", str(options.relay_core), "--seconds",
                                     str(options.soak * 60), "--warm-up", "1", "--spin", "0"], stdout=subprocess.PIPE, text=True)
            lines, text = [], ""
            for line in load.stdout:
                text += line
                if line.strip() != "}":
                    continue
                lines.append(json.loads(text))
                text = ""
                print(f"bench: {json.dumps(lines[-1])}", file=sys.stderr, flush=True)
            if load.wait() != 0 or relay.process.poll() is not None or len(lines) < 4:
                sys.exit("bench: the soak ended before its time")
        finally:
            relay.stop()
    quarter = len(lines) // 4
    early, late = lines[:quarter], lines[-quarter:]
    faults = []
    print(f"\n{options.calls} calls for {options.soak:g} minutes, legs of every kind; medians of the first and the last quarter\n")
    print("| | first | last |\n|---|---|---|")
    for name, key, allowed in [("resident KiB", lambda one: one["load"]["memory_kib_per_call"], 1.05), ("open files", lambda one: one["files"], 1.0),
                               ("CPU µs/packet", lambda one: one["load"]["cpu_us_per_packet"], None), ("latency p99 µs", lambda one: one["load"]["latency_p99_us"], None)]:
        before, after = (statistics.median(map(key, part)) for part in (early, late))
        print(f"| {name} | {before:.1f} | {after:.1f} |")
        if allowed and after > before * allowed:
            faults.append(f"{name} grew from {before:.1f} to {after:.1f}")
    lost, sent = (sum(one["load"][key] for one in lines) for key in ("lost", "sent"))
    print(f"\nlost {lost} of {sent}")
    if lost > sent / 1e5:
        faults.append(f"{lost} packets were lost")
    sys.exit("\n".join(faults) if faults else 0)


def smoke_failures(everything):
    for load, outcome in everything.items():
        for name, runs in outcome["relays"].items():
            for run in runs:
                if run["lost"] or run["duplicated"] or run["foreign"] or run["sent"] == 0 or run["forwarded"] == 0:
                    yield f"{name} under {load}: {json.dumps(run)}"


def parse_arguments():
    def words(allowed):
        def parse(value):
            chosen = value.split(",")
            if not set(chosen) <= set(allowed):
                raise argparse.ArgumentTypeError(f"choose among {','.join(allowed)}")
            return chosen
        return parse

    parser = argparse.ArgumentParser(prog="scripts/bench relay", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=200, help="G.711 calls (default 200; 1000 for a full run)")
    parser.add_argument("--seconds", type=float, default=4, help="measured seconds a repetition")
    parser.add_argument("--warm-up", type=float, default=3.5, help="seconds before; rtpengine learns addresses for 3")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--loads", type=words(LOADS), default=["g711", "video", "max"], metavar="A,B",
                        help=f"among {','.join(LOADS)}")
    parser.add_argument("--relays", type=words(RELAYS), default=["carillon", "rtpengine", "coturn", "floor", "floor-gso"], metavar="A,B",
                        help=f"among {','.join(RELAYS)}")
    parser.add_argument("--lines", type=words(LINES), metavar="A,B",
                        help=f"lines of the table in docs/performance.md, each with its calls, relays and goals, instead of --loads: {','.join(LINES)}")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead: so many minutes of calls (say --calls 500 --soak 30), which must leave no trace")
    parser.add_argument("--relay-core", type=int, default=1)
    parser.add_argument("--load-core", type=int, default=0)
    parser.add_argument("--patience", type=int, default=0, metavar="N",
                        help="measure again up to N times when the machine was busy with other work")
    parser.add_argument("--realtime", action="store_true",
                        help="run relay and generator ahead of everything else (SCHED_FIFO, needs root)")
    parser.add_argument("--json", type=pathlib.Path, help="also write every single result here")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--joined", action="store_true",
                        help="bursts arrive joined, as a network card with GRO hands them over; loopback joins nothing")
    parser.add_argument("--worker", default="", metavar="OPTIONS", help="more options of carillon-relay, in quotes: '--coalesce 100'")
    parser.add_argument("--smoke", action="store_true",
                        help="a few calls, no timings: fail if any packet is lost")
    return parser.parse_args()


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))  # so that the relay of the moment ends too
    options.bin = options.bin.resolve()
    cores = sorted(os.sched_getaffinity(0))
    options.relay_core, options.load_core = (core if core in cores else cores[0]
                                             for core in (options.relay_core, options.load_core))
    if options.soak:
        soak(options)
    if not options.smoke:
        install([name for _, _, _, relays, _ in plan(options) for name in relays])
    everything = compare(options)
    if options.json:
        options.json.write_text(json.dumps({
            "kernel": platform.release(), "cores": len(cores), "arguments": sys.argv[1:],
            "date": time.strftime("%Y-%m-%d"), "loads": everything}, indent=1) + "\n")
    if options.smoke:
        failures = list(smoke_failures(everything))
        sys.exit("\n".join(failures) if failures else 0)


if __name__ == "__main__":
    main()
