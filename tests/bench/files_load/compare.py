#!/usr/bin/env python3
"""scripts/bench files: what a file costs that is uploaded (XEP-0363) and fetched again, at Carillon, prosody and ejabberd.

One user asks for slots over XMPP; files go up and come down over HTTPS, one connection for each, as clients do it.
Not here: the servers' configurations (xmpp_load/servers.py), how the numbers are read (docs/performance.md).
"""
import argparse
import asyncio
import http.client
import json
import os
import pathlib
import ssl
import statistics
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "xmpp_load"))
from compare import install  # noqa: E402
from servers import DOMAIN, PASSWORD, SERVERS  # noqa: E402

NS = "urn:xmpp:http:upload:0"
LOADS = {"small": (64 * 1024, 200, "files of 64 KiB"), "large": (16 * 1024 * 1024, 12, "files of 16 MiB")}
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def ask_for_slots(port, count, size):
    import slixmpp  # which tries what it cannot do first, and gets in at last

    client = slixmpp.ClientXMPP(f"u0@{DOMAIN}", PASSWORD)
    client.ssl_context = ssl.create_default_context()
    client.ssl_context.check_hostname, client.ssl_context.verify_mode = False, ssl.CERT_NONE
    slots, failures = [], []

    async def ask(_):
        try:
            for number in range(count):
                iq = client.make_iq_get(ito=f"upload.{DOMAIN}")
                iq.xml.append(ET.fromstring(f"<request xmlns='{NS}' filename='{number}.bin' size='{size}' "
                                            "content-type='application/octet-stream'/>"))
                answer = (await iq.send(timeout=20)).xml
                put = answer.find(f".//{{{NS}}}put")
                headers = {header.get("name"): header.text for header in put.findall(f"{{{NS}}}header")}
                slots.append((put.get("url"), headers, answer.find(f".//{{{NS}}}get").get("url")))
        except Exception as error:  # whatever it is, the caller tells of it
            failures.append(error)
        client.disconnect()

    client.add_event_handler("session_start", ask)
    client.add_event_handler("failed_all_auth", lambda _: failures.append("no log-in"))
    client.connect(("127.0.0.1", port))
    client.loop.run_until_complete(asyncio.wait_for(client.disconnected, 60))
    if failures or len(slots) != count:
        sys.exit(f"bench: no slots: {failures}")
    return slots


def request(method, url, port, context, headers, body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, path, body=body, headers={"Host": parts.netloc, **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status not in (200, 201):
        sys.exit(f"bench: {method} {url}: {answer.status} {content[:200]}")
    return content


def measure(options, name, load):
    size, count, _ = LOADS[load]
    if options.smoke:
        count = 2
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    content = os.urandom(size)
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        server = SERVERS[name](options, pathlib.Path(folder), 2, False)
        try:
            server.start()
            time.sleep(2)
            slots = ask_for_slots(server.port, count, size)
            figures = {}
            for way in ("put", "get"):
                pids = server.pids()
                cpu, start = cpu_seconds(pids), time.monotonic()
                for put, headers, get in slots:
                    if way == "put":
                        request("PUT", put, server.https, context,
                                {"Content-Type": "application/octet-stream", **headers}, content)
                    elif request("GET", get, server.https, context, {}) != content:
                        sys.exit(f"bench: {name} gave back something else")
                seconds = time.monotonic() - start
                figures[f"{way}_ms"] = (cpu_seconds(pids) - cpu) * 1000 / count
                figures[f"{way}_mib_s"] = size * count / seconds / 1024 / 1024
        finally:
            server.stop()
    return figures


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench files", description=__doc__.splitlines()[0])
    words = lambda allowed: lambda value: [word for word in value.split(",") if word in allowed]  # noqa: E731
    parser.add_argument("--server", type=words(SERVERS), default=list(SERVERS), metavar="A,B", help=f"among {','.join(SERVERS)}")
    parser.add_argument("--loads", type=words(LOADS), default=list(LOADS), metavar="A,B", help=f"among {','.join(LOADS)}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="also write every single result here")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--smoke", action="store_true", help="two files at Carillon, no timings: fail if one comes back otherwise")
    options = parser.parse_args()
    options.bin, options.files, options.erl = options.bin.resolve(), True, "+sbwt none +sbwtdcpu none +sbwtdio none"
    if options.smoke:
        options.server, options.repeats = ["carillon"], 1
    else:
        install(options.server)
    everything = {}
    for load in options.loads:
        results = {name: [] for name in options.server}
        for _ in range(options.repeats):
            for name in options.server:
                results[name].append(measure(options, name, load))
                print(f"bench: {load} {name}: {json.dumps(results[name][-1])}", file=sys.stderr, flush=True)
        print(f"\n{LOADS[load][2]}, {LOADS[load][1]} of them. Median of {options.repeats}.\n")
        print("| server | CPU ms a PUT | MiB/s | CPU ms a GET | MiB/s |\n|---|---|---|---|---|")
        for name, runs in results.items():
            cells = [statistics.median(run[key] for run in runs) for key in ("put_ms", "put_mib_s", "get_ms", "get_mib_s")]
            print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |", flush=True)
        everything[load] = results
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
