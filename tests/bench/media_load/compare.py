#!/usr/bin/env python3
"""What sound and pictures cost in the relay: CPU of transcoded calls beside bare libopus and beside rtpengine (user space, where it is
installed), the delay that transcoding adds, recordings, and how exactly a capture is replayed.

Usage: scripts/bench media [--loads job,pictures,transcode,record,recordings,replay] [--calls N] [--seconds S] [--at-most RATIO].
job: the relay's job beside bare libopus; pictures: beside bare libvpx and x264; transcode: whole programs; record: writing alone; recordings: many calls recorded at once;
replay: carillon-replay's timing. Exit status 1 when the relay's job costs more than RATIO (1.3) times bare encoding and decoding at the
rate that it works at, its process more than half of rtpengine's, a call's recording more than a 200th of a core, recordings are not
whole, or a packet in a hundred leaves more than 0.2 ms off the capture's time.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import recordings
import replaying
import rtpengine
import worker as workers

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
    before = workers.cpu_seconds(f"/proc/{pid}/stat")
    threads = workers.thread_seconds(pid)
    out, _ = run.communicate(timeout=options.seconds + 60)
    spent = workers.cpu_seconds(f"/proc/{pid}/stat") - before
    after = workers.thread_seconds(pid)
    if run.returncode != 0:
        raise RuntimeError("the load generator failed")
    figures = json.loads(out.strip().splitlines()[-1])
    figures["ms"] = 1000 * spent / (options.calls * options.seconds)
    figures["threads"] = {name: 1000 * (after[name] - threads.get(name, 0)) / (options.calls * options.seconds) for name in after}
    return figures


def of_relay(options, folder, *more):
    worker = workers.Worker(options.bin, folder)
    try:
        return load(options, worker.process.pid, ["--socket", worker.control, *more])
    finally:
        worker.close()


def at_48000(options, folder):
    return of_relay(options, folder, "--opus-rate", "48000")


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
        peers = [("carillon-relay", of_relay), ("carillon-relay, Opus at 48 kHz", at_48000)]
        if rtpengine.Rtpengine.installed():
            peers.append(("rtpengine", of_rtpengine))
        for label, run in peers:
            seen[label] = figures = run(options, folder)
            delays = ["{:.0f} / {:.0f} ms".format(figures[f"to_{to}_p50_ms"], figures[f"to_{to}_p99_ms"]) for to in ("opus", "pcmu")]
            print(f"{label:34} {figures['ms']:20.2f} {figures['received'] / figures['sent']:10.1%} {delays[0]:>16} {delays[1]:>16}")
            if label != "rtpengine":
                print("    of it " + ", ".join(f"{name} {ms:.2f}" for name, ms in sorted(figures["threads"].items()) if ms >= 0.01))
    print("delay: a sound from the packet that brings it to the packet that takes it on, p50 / p99, jitter buffer and the codec's own included")
    if "rtpengine" not in seen:
        print("rtpengine is not installed: no comparison")
        return True
    ratio = seen["carillon-relay"]["ms"] / seen["rtpengine"]["ms"]
    alike = seen["carillon-relay, Opus at 48 kHz"]["ms"] / seen["rtpengine"]["ms"]
    print(f"ratio to rtpengine, whose Opus is always at 48 kHz: {ratio:.2f} (at most 0.5); at its rate: {alike:.2f}")
    return ratio <= 0.5


def record(options):
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


LOADS = {"job": bare, "pictures": pictures, "transcode": whole, "record": record, "recordings": recordings.recordings, "replay": replaying.replaying}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--at-most", type=float, default=1.3)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--loads", default=",".join(LOADS), help="of " + ", ".join(LOADS))
    parser.add_argument("--calls", type=int, default=40, help="that are transcoded")
    parser.add_argument("--recordings", type=int, default=200, help="at once")
    parser.add_argument("--seconds", type=int, default=15)
    options = parser.parse_args()
    if unknown := set(options.loads.split(",")) - set(LOADS):
        parser.error(f"no such load: {', '.join(unknown)}")
    good = [LOADS[load](options) for load in options.loads.split(",")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
