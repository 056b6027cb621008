"""Calls that are recorded all at once: what they cost the worker, whether media or recordings suffer, and whether the files are whole."""
import concurrent.futures
import json
import pathlib
import subprocess
import tempfile

import worker as workers

AT_ONCE = 200  # that one core is to carry


def seconds_of(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path], capture_output=True,
                          text=True, timeout=60)
    return float(done.stdout) if done.returncode == 0 and not done.stderr.strip() else 0


def run(options, codec, record):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        worker = workers.Worker(options.bin, folder)
        try:
            load = subprocess.Popen([f"{options.bin}/carillon_recording_load", "--socket", worker.control, "--folder", folder, "--calls",
                                     str(options.recordings), "--seconds", str(options.seconds), "--codec", codec, "--record",
                                     str(int(record))], stdout=subprocess.PIPE, text=True)
            marks = []
            for line in iter(load.stdout.readline, ""):
                if line.strip() not in ("begin", "end"):
                    figures = json.loads(line)
                    break
                marks.append(worker.threads())
            if load.wait(60) != 0:
                raise RuntimeError("the load generator failed")
        finally:
            worker.close()
        figures["cpu"] = {thread: (marks[1][thread] - marks[0].get(thread, 0)) / options.seconds for thread in marks[1]}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            lengths = list(pool.map(seconds_of, figures["files"]))
        figures["whole"] = sum(abs(length - options.seconds) < 1.5 for length in lengths)
        return figures


def recordings(options):
    print(f"\n{f'{options.recordings} calls recorded for {options.seconds} s':34} {'cores':>6} {'of it writing':>14} {'recordings a core':>18} "
          f"{'media lost':>11} {'not recorded':>13} {'files whole':>12}")
    good = True
    for codec in ("pcmu", "opus"):
        plain = run(options, codec, False)
        figures = run(options, codec, True)
        cores = sum(figures["cpu"].values())
        each = (cores - sum(plain["cpu"].values())) / options.recordings
        lost = figures["sent"] - figures["received"]
        unrecorded = figures["sent"] - figures["recorded"]
        print(f"{f'{codec}, a file a side and mixed':34} {cores:6.2f} {figures['cpu'].get('relay-tap', 0):14.2f} {1 / each:18.0f} "
              f"{lost:11} {unrecorded:13} {figures['whole']:7} / {len(figures['files'])}")
        # A packet that its own loss has kept from the worker cannot be recorded.
        good = good and lost == 0 and unrecorded <= lost and figures["failed"] == 0 and figures["whole"] == 3 * options.recordings
        good = good and 1 / each >= AT_ONCE
    print(f"recordings a core: what recording adds to the same calls (at least {AT_ONCE})")
    return good
