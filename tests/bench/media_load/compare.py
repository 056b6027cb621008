#!/usr/bin/env python3
"""What a transcoded call costs beside bare libopus at like settings: PCMU and Opus, both ways, CPU per second of the call.

Usage: scripts/bench media [--at-most RATIO]. Exit status 1 when the relay's job costs more than RATIO (1.3) times bare encoding
and decoding at the rate that it works at.
"""
import argparse
import json
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--at-most", type=float, default=1.3)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    done = subprocess.run([f"{options.bin}/carillon_transcode_bench", "--benchmark_format=json",
                           f"--benchmark_repetitions={options.repetitions}", "--benchmark_min_time=0.5"],
                          capture_output=True, text=True, check=True)
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
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
    return 1 if ratio > options.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
