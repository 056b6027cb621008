#!/usr/bin/python3
"""Runs a test of programs that were built with sanitizers, and fails it when any of them had something to report: also
one that the test never looked at, that was started by another one, or whose end nobody waited for.

Usage: watched.py COMMAND...   Its exit status: that of the command; 99 when a sanitizer has spoken.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPORTED = 99


def options(folder):
    """What the programs find in their environment, and pass on to those that they start."""
    log = f"log_path={folder}/report:log_exe_name=1:print_stacktrace=1:color=never"
    return {
        "ASAN_OPTIONS": f"{log}:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1",
        "LSAN_OPTIONS": f"suppressions={HERE}/leaks.supp:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:color=never",
        "CARILLON_SANITIZER_LOG": f"{folder}/report.undefined",  # see report_path.cpp
        "TSAN_OPTIONS": f"{log}:suppressions={HERE}/races.supp:second_deadlock_stack=1:history_size=4",
    }


def reports(folder):
    """Their texts. An empty one is a process that ended while it wrote, which is something, too."""
    return {path.name: path.read_text(errors="replace") for path in sorted(folder.iterdir())}


def main(command):
    with tempfile.TemporaryDirectory(prefix="carillon-sanitizers-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o1777)  # some programs run as another user
        status = subprocess.run(command, env=os.environ | options(folder), check=False).returncode
        found = reports(folder)
    for file, text in found.items():
        print(f"==== {file}\n{text}", file=sys.stderr)
    if found:
        print(f"{len(found)} processes reported to a sanitizer", file=sys.stderr)
        return REPORTED
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
