#!/usr/bin/env python3
"""What sound and pictures cost in the relay: CPU of transcoded calls beside bare libopus and libvpx and beside rtpengine (user
space, where it is installed), the delay that transcoding adds, and recordings.

Usage: scripts/bench media [--calls N] [--seconds S] [--at-most RATIO]. Exit status 1 when a job of the relay's costs more than RATIO (1.3)
times bare encoding and decoding at the rate that it works at, its process more than half of rtpengine's, or a call's recording
more than a 200th of a core.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import rtpengine

RECORDINGS_A_CORE = 200


def google_benchmark(program, repetitions, *more):
    done = subprocess.run([program, "--benchmark_format=json", f"--benchmark_repetitions={repetitions}", *more], capture_output=True,
                          text=True, check=True)
    return [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]


def bare(options):
    runs = google_benchmark(f"{options.bin}/carillon_transcode_bench", options.repetitions, "--benchmark_min_time=0.5")
    cost = {}
    for run in runs:  # the least disturbed of several
        cost[run["name"]] = min(cost.get(run["name"], float("inf")), run["cpu_time"])
    print(f"{'PCMU and Opus, both ways':34} {'us in 20 ms':>12} {'ms in 1 s of a call':>20} {'calls a core':>13}")
    for name, label in (("bare_at_8000", "bare libopus at 8 kHz"), ("bare_at_48000", "bare libopus at 48 kHz"),
                        ("transcode_job", "the relay's job")):
        each = cost[name] / 1000
        print(f"{label:34} {each:12.1f} {each * 50 / 1000:20.2f} {20000 / each:13.0f}")
    kib = next(run["KiB"] for run in runs if run["name"] == "transcode_job")
    ratio = cost["transcode_job"] / cost["bare_at_8000"]
    print(f"ratio to bare at the same rate: {ratio:.2f} (at most {options.at_most}); memory of a job with its packets' way: {kib:.0f} KiB")
    return ratio <= options.at_most


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(options, pid, command, ports=None):
    """CPU of `pid` in a second of a call, and what the ends say."""
    run = subprocess.Popen([f"{options.bin}/carillon_transcode_load", "--calls", str(options.calls), "--seconds", str(options.seconds),
                            *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if ports:
        for line in iter(run.stdout.readline, ""):
            if line.strip() == "ports":
                break
            run.stdin.write("{} {}\n".format(*ports(*map(int, line.split()))))
        run.stdin.flush()
    before = cpu_seconds(pid)
    out, _ = run.communicate(timeout=options.seconds + 60)
    spent = cpu_seconds(pid) - before
    if run.returncode != 0:
        raise RuntimeError("the load generator failed")
    figures = json.loads(out.strip().splitlines()[-1])
    figures["ms"] = 1000 * spent / (options.calls * options.seconds)
    return figures


def of_relay(options, folder):
    control = folder / "relay.sock"
    first = 20000 + os.getpid() % 40 * 400
    process = subprocess.Popen([f"{options.bin}/carillon-relay", "--control", control, "--bind", "127.0.0.1", "--ports",
                                f"{first}-{first + 399}"], stdout=subprocess.DEVNULL, stderr=open(folder / "relay.log", "w"))
    try:
        for _ in range(100):
            if control.exists():
                break
            time.sleep(0.1)
        return load(options, process.pid, ["--socket", control])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def of_rtpengine(options, folder):
    peer = rtpengine.Rtpengine(folder / "rtpengine.log")
    try:
        return load(options, peer.process.pid, [], peer.open)
    finally:
        peer.close()


def whole(options):
    """Programs with their sockets, threads and jitter buffers."""
    print(f"\n{f'{options.calls} calls, {options.seconds} s':34} {'ms in 1 s of a call':>20} {'came back':>10} {'delay to Opus':>16} {'delay to PCMU':>16}")
    seen = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peers = [("carillon-relay", of_relay)]
        if rtpengine.Rtpengine.installed():
            peers.append(("rtpengine", of_rtpengine))
        for label, run in peers:
            seen[label] = figures = run(options, folder)
            delays = ["{:.0f} / {:.0f} ms".format(figures[f"to_{to}_p50_ms"], figures[f"to_{to}_p99_ms"]) for to in ("opus", "pcmu")]
            print(f"{label:34} {figures['ms']:20.2f} {figures['received'] / figures['sent']:10.1%} {delays[0]:>16} {delays[1]:>16}")
    print("delay: a sound from the packet that brings it to the packet that takes it on, p50 / p99, jitter buffer and the codec's own included")
    if "rtpengine" not in seen:
        print("rtpengine is not installed: no comparison")
        return True
    ratio = seen["carillon-relay"]["ms"] / seen["rtpengine"]["ms"]
    print(f"ratio to rtpengine: {ratio:.2f} (at most 0.5)")
    return ratio <= 0.5


def recordings(options):
    runs = google_benchmark(f"{options.bin}/carillon_record_bench", 1, "--benchmark_min_time=1")
    print(f"\n{'a recording':34} {'ms in 1 s of a call':>20} {'a core':>8}")
    good = True
    for run in runs:
        ms = 1000 * run["ms_per_second"]
        print(f"{run['name'].split('/')[1]:34} {ms:20.2f} {1000 / ms:8.0f}")
        good = good and ms <= 1000 / RECORDINGS_A_CORE
    return good


def pictures(options):
    """640x480, 30 a second, one way; 5 s of it in each round."""
    runs = google_benchmark(f"{options.bin}/carillon_video_bench", 3, "--benchmark_min_time=0.5")
    cost = {}
    for run in runs:
        cost[run["name"]] = min(cost.get(run["name"], float("inf")), run["cpu_time"] / 5)
    print(f"\n{'pictures, one way':34} {'bare, ms in 1 s':>20} {'the job':>10} {'ratio':>7}")
    ratios = []
    for way in ("vp8_to_vp9", "vp8_to_h264"):
        ratios.append(cost[f"job_{way}"] / cost[f"bare_{way}"])
        print(f"{way:34} {cost[f'bare_{way}']:20.1f} {cost[f'job_{way}']:10.1f} {ratios[-1]:7.2f}")
    return max(ratios) <= options.at_most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--at-most", type=float, default=1.3)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=15)
    options = parser.parse_args()
    good = [bare(options), whole(options), recordings(options), pictures(options)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
