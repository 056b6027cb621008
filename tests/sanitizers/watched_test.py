"""What a sanitizer has to say of any process fails the test, whatever the test says.  Usage: watched_test.py DOES_WRONG"""
import pathlib
import subprocess
import sys
import unittest

WATCHED = pathlib.Path(__file__).resolve().parent / "watched.py"


def watched(*command):
    return subprocess.run([sys.executable, WATCHED, *command], capture_output=True, text=True, timeout=40, check=False)


def faults():
    """Those that the sanitizers of this build can see."""
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return ["race"] if "__tsan_init" in symbols else ["address", "overflow", "leak"]


class Watched(unittest.TestCase):
    def test_passes_on_how_a_quiet_command_ended(self):
        for status in (0, 1, 77):
            self.assertEqual(watched("sh", "-c", f"{program}; exit {status}").returncode, status)

    def test_a_killed_command_has_not_passed(self):
        self.assertNotEqual(watched("sh", "-c", "kill -9 $$").returncode, 0)

    def test_a_report_of_a_process_that_nobody_looked_at_fails(self):
        for fault in faults():
            with self.subTest(fault):
                done = watched("sh", "-c", f"{program} {fault} >/dev/null 2>&1 & wait; exit 0")
                self.assertEqual(done.returncode, 99)
                self.assertIn("does_wrong", done.stderr)
                self.assertIn("Sanitizer" if fault != "overflow" else "runtime error", done.stderr)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    unittest.main()
