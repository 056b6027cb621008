#!/usr/bin/python3
"""Calls between real programs on this machine: carillond with its relay, carillon-phone, and aiortc as another's phone.

Usage: calls_test.py --build DIR. Needs no root: everything listens on loopback, on ports of its own.
Each scenario starts a callee and a caller and checks what both report and what the recordings sound like.
"""
import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SPEECH = "/usr/share/asterisk/sounds/en_US_f_Allison/conf-adminmenu.wav"
DOMAIN = "localhost"
SECONDS = 4
RELAY_PORTS = range(46000, 46200)


class Failure(Exception):
    pass


class Bench:
    def __init__(self, build, work, policy):
        self.bin, self.work, self.data, self.policy, self.running = build / "bin", work, work / "data", policy, []
        self.port = self.free_port()

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def start(self, name, *command, stdin=None):
        out, err = open(self.work / f"{name}.out", "w"), open(self.work / f"{name}.err", "w")
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=err, text=True, start_new_session=True,
                                   stdin=subprocess.PIPE if stdin else subprocess.DEVNULL)
        if stdin:
            process.stdin.write(stdin)
            process.stdin.close()
        self.running.append(process)
        return process

    def said(self, name):
        return (self.work / f"{name}.out").read_text() + (self.work / f"{name}.err").read_text()

    def wait_until(self, condition, seconds, what):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return
            time.sleep(0.05)
        raise Failure(f"not within {seconds} s: {what}")

    def start_server(self):
        (self.work / "carillon.toml").write_text(CONFIG.format(c2s=self.port, policy=self.policy, relay=RELAY_PORTS.start,
                                                                relay_last=RELAY_PORTS.stop - 1))
        server = self.start("carillond", self.bin / "carillond", "--data", self.data, "--config", self.work / "carillon.toml")

        def listening():
            if server.poll() is not None:
                raise Failure("carillond ended:\n" + self.said("carillond"))
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        self.wait_until(listening, 30, "carillond listens")
        for user in ("alice", "bob"):
            subprocess.run([self.bin / "carillonctl", "--data", self.data, "user", "add", f"{user}@{DOMAIN}", "--password-stdin"],
                           input=f"{user}-secret\n", text=True, check=True, capture_output=True, timeout=30)
        self.certificate = next(self.data.glob("**/*.crt"))

    def phone(self, name, user, *command):
        return self.start(name, self.bin / "carillon-phone", *command, "--jid", f"{user}@{DOMAIN}/{name}", "--password-stdin",
                          "--host", "127.0.0.1", "--port", self.port, "--trust", self.certificate, "--bind", "127.0.0.1",
                          stdin=f"{user}-secret\n")

    def alike(self, recording):
        done = subprocess.run([self.bin / "carillon-phone", "compare", "--json", "--least", "-1", SPEECH, recording],
                              capture_output=True, text=True, check=True, timeout=60)
        result = json.loads(done.stdout)
        if result["overlap_seconds"] < SECONDS - 1.5:
            raise Failure(f"only {result['overlap_seconds']} s of speech in {recording}")
        return result["correlation"]

    def call(self, caller_options=(), callee_options=(), to=f"bob@{DOMAIN}"):
        """Both summaries; the recordings lie in heard-by-alice.wav and heard-by-bob.wav."""
        sound = ["--json", "--play", SPEECH]
        callee = self.phone("callee", "bob", "answer", "--count", 1, "--idle", 20, *sound, "--record",
                            self.work / "heard-by-bob.wav", *callee_options)
        self.wait_until(lambda: "online as" in self.said("callee"), 20, "bob is online")
        caller = self.phone("caller", "alice", "call", to, "--seconds", SECONDS, *sound, "--record",
                            self.work / "heard-by-alice.wav", *caller_options)
        caller.wait(60)
        callee.wait(30)
        try:
            return json.loads((self.work / "caller.out").read_text()), json.loads((self.work / "callee.out").read_text())
        except json.JSONDecodeError:
            raise Failure(f"no summary\n{self.said('caller')}\n{self.said('callee')}") from None

    def stop(self):
        for process in reversed(self.running):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)


def expect(condition, what):
    if not condition:
        raise Failure(what)


def talked(bench, ends, codec, least):
    for end in ends:
        expect(end["ok"] and end["reason"] == "success", f"did not work: {end}")
        expect(end["codec"] == codec, f"{end['codec']} instead of {codec}")
        expect(end["loss"] < 0.02, f"{end['loss']} lost")
    for name in ("alice", "bob"):
        correlation = bench.alike(bench.work / f"heard-by-{name}.wav")
        expect(correlation >= least, f"heard by {name}: correlation {correlation}")


def raw_udp(bench):
    ends = bench.call(["--raw-udp", "--codec", "pcmu"])
    talked(bench, ends, "PCMU", 0.95)
    expect(all(end["remote"]["port"] in RELAY_PORTS for end in ends), "the phones see each other's ports, not the relay's")


def ice_trickled(bench):
    ends = bench.call(["--ice"])
    talked(bench, ends, "opus", 0.85)
    expect(all(end["protection"] != "none" for end in ends), "not encrypted")


def ice_inline_to_a_device_that_rings(bench):
    ends = bench.call(["--ice", "--no-trickle", "--no-jmi", "--codec", "pcma"], ["--ring", 0.5], to=f"bob@{DOMAIN}/callee")
    talked(bench, ends, "PCMA", 0.95)
    expect(ends[0]["setup_ms"] > 500, "did not ring")


def ice_relay_only(bench):
    ends = bench.call(["--ice", "--relay-only"], ["--relay-only"])
    talked(bench, ends, "opus", 0.85)
    expect(all(end["remote"]["type"] in ("relay", "prflx") for end in ends), f"not relayed: {ends}")


def ice_restart(bench):
    ends = bench.call(["--ice", "--restart-after", 1.5])
    talked(bench, ends, "opus", 0.85)
    expect(all(end["ice_restarts"] == 1 for end in ends), "no restart")


def ice_restart_through_the_relay(bench):
    ends = bench.call(["--ice", "--relay-only", "--restart-after", 1.5], ["--relay-only"])
    talked(bench, ends, "opus", 0.85)
    expect(all(end["ice_restarts"] == 1 for end in ends), "no restart")


def only_relay_ports_are_seen(bench):
    """Policy "always": nobody asked for it, and still neither end learns the other's address."""
    ends = bench.call(["--ice"])
    talked(bench, ends, "opus", 0.85)
    expect(all(end["remote"]["port"] in RELAY_PORTS for end in ends), f"not relayed: {ends}")
    expect({end["remote"]["port"] for end in ends}.isdisjoint(end["local"]["port"] for end in ends if end["local"]["type"] == "host"),
           f"an end talks to the other itself: {ends}")


def phones_meet_directly(bench):
    """Policy "never": raw UDP between the phones' own ports."""
    ends = bench.call(["--raw-udp", "--codec", "pcma"])
    talked(bench, ends, "PCMA", 0.95)
    expect({end["remote"]["port"] for end in ends} == {end["local"]["port"] for end in ends}, f"not direct: {ends}")


def declined(bench):
    ends = bench.call(["--ice"], ["--reject"])
    expect([end["reason"] for end in ends] == ["decline", "decline"], f"{ends}")


def declined_without_ringing_by_message(bench):
    ends = bench.call(["--raw-udp", "--no-jmi"], ["--reject"], to=f"bob@{DOMAIN}/callee")
    expect([end["reason"] for end in ends] == ["decline", "decline"], f"{ends}")


def nobody_there(bench):
    started = time.monotonic()
    caller = bench.phone("caller", "alice", "call", f"bob@{DOMAIN}/nowhere", "--json", "--raw-udp")
    expect(caller.wait(30) == 1, "a call to nobody worked")
    expect(time.monotonic() - started < 10, "the answer was not immediate")
    expect(json.loads((bench.work / "caller.out").read_text())["reason"] in ("service-unavailable", "item-not-found"), bench.said("caller"))


def wrong_password(bench):
    phone = bench.start("wrong", bench.bin / "carillon-phone", "login", "--jid", f"alice@{DOMAIN}", "--password-stdin", "--host",
                        "127.0.0.1", "--port", bench.port, "--trust", bench.certificate, stdin="guess\n")
    expect(phone.wait(30) == 1, "logged in with a wrong password")


def another_makers_phone(bench):
    callee = bench.start("aiortc", sys.executable, HERE / "aiortc_answer.py", "--jid", f"bob@{DOMAIN}/aiortc", "--password",
                         "bob-secret", "--host", "127.0.0.1", "--port", bench.port, "--trust", bench.certificate, "--play", SPEECH,
                         "--record", bench.work / "heard-by-bob.wav")
    bench.wait_until(lambda: "online" in bench.said("aiortc"), 30, "aiortc is online")
    caller = bench.phone("caller", "alice", "call", f"bob@{DOMAIN}/aiortc", "--no-jmi", "--no-trickle", "--seconds", SECONDS, "--json",
                         "--play", SPEECH, "--record", bench.work / "heard-by-alice.wav")
    status = caller.wait(60), callee.wait(30)
    expect(status == (0, 0), f"{status}\n{bench.said('caller')}\n{bench.said('aiortc')}")
    talked(bench, [json.loads((bench.work / "caller.out").read_text())], "opus", 0.85)


SCENARIOS = {  # by the server's relay policy
    "fallback": [raw_udp, ice_trickled, ice_inline_to_a_device_that_rings, ice_relay_only, ice_restart,
                 ice_restart_through_the_relay, declined, declined_without_ringing_by_message, nobody_there, wrong_password,
                 another_makers_phone],
    "always": [only_relay_ports_are_seen],
    "never": [phones_meet_directly],
}

CONFIG = """
[network]
bind = ["127.0.0.1"]
c2s_port = {c2s}
c2s_tls_port = 0
http_port = 0
https_port = 0
stun_port = 0

[[host]]
domain = "localhost"

[host.module.calls]
relay = "{policy}"

[relay]
port_min = {relay}
port_max = {relay_last}
"""


def works(scenario, bench):
    try:
        scenario(bench)
        print(f"ok      {scenario.__name__}", flush=True)
        return True
    except (Failure, subprocess.SubprocessError) as why:
        print(f"FAILED  {scenario.__name__}: {why}", flush=True)
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--only", action="append", help="name of a scenario; may be repeated")
    arguments = parser.parse_args()
    failed = 0
    for policy, scenarios in SCENARIOS.items():
        scenarios = [scenario for scenario in scenarios if not arguments.only or scenario.__name__ in arguments.only]
        if not scenarios:
            continue
        with tempfile.TemporaryDirectory(prefix="carillon-calls-") as folder:
            bench = Bench(arguments.build.resolve(), pathlib.Path(folder), policy)
            try:
                bench.start_server()
                failed += sum(not works(scenario, bench) for scenario in scenarios)
            finally:
                bench.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
