#!/usr/bin/python3
"""Checks that each header compiles alone.  Usage: check_headers.py SOURCE_DIR BUILD_DIR COMPILER

A result is kept by a hash of the header and of everything of ours it includes, so only changed headers cost time.
Headers that reach Asio get it precompiled, or this would take minutes; what Asio itself includes is not missed in those.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TOPS = ("config", "stun", "codecs", "media", "relay", "signaling")


def flags_of(build):
    """Include paths and definitions, from the commands that the build itself uses."""
    seen = []
    with open(build / "compile_commands.json", encoding="utf-8") as file:
        for entry in json.load(file):
            words = iter(shlex.split(entry["command"]))
            for word in words:
                flag = [word, next(words)] if word == "-isystem" else [word] if word.startswith(("-I", "-D")) else None
                if flag and flag not in seen and not word.startswith("-DCARILLON_"):
                    seen.append(flag)
    return [word for flag in seen for word in flag]


def digest(paths):
    out = hashlib.sha256()
    for path in paths:
        out.update(path.encode())
        try:
            out.update(pathlib.Path(path).read_bytes())
        except OSError:
            return None
    return out.hexdigest()


def proved_by_build(root, build):
    """Headers that come first in the source of the same name, which the build compiles: that is the same check."""
    with open(build / "compile_commands.json", encoding="utf-8") as file:
        sources = {pathlib.Path(entry["directory"], entry["file"]).resolve() for entry in json.load(file)}
    out = set()
    for source in sources:
        header = source.with_suffix(".h")
        if header.exists() and header.is_relative_to(root.resolve()):
            first = re.search(r'^#include (\S+)', source.read_text(encoding="utf-8"), re.M)
            if first and first[1].strip('"') == header.relative_to(root.resolve()).as_posix():
                out.add(header)
    return out


def reaches_asio(root, header, seen):
    if header in seen:
        return False
    seen.add(header)
    text = header.read_text(encoding="utf-8")
    ours = (root / t for t in re.findall(r'#include "([^"]+)"', text))
    return "<boost/asio" in text or any(reaches_asio(root, h, seen) for h in ours if h.exists())


def precompile_asio(command, build):
    folder = build / "header-check"
    folder.mkdir(exist_ok=True)
    source = folder / "asio.h"
    source.write_text("#include <boost/asio.hpp>\n")
    plain = [word for word in command if word not in ("-fsyntax-only", "-x", "c++")]
    made = subprocess.run(plain + ["-x", "c++-header", str(source), "-o", f"{source}.gch"], check=False)
    return ["-include", str(source)] if made.returncode == 0 else []


def compile_alone(command, header):
    run = subprocess.run(command + ["-MD", "-MF", "-", str(header)], capture_output=True, text=True, check=False)
    used = run.stdout.replace("\\\n", " ").split()[1:]
    return run.returncode, run.stderr, used


def main():
    root, build, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    command = [compiler, "-std=c++23", "-fsyntax-only", "-w", "-x", "c++", f"-I{root}"] + flags_of(build)
    store = build / "header-check.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    proved = proved_by_build(root, build)
    # What is for the kernel alone is compiled with its program (relay/CMakeLists.txt).
    headers = sorted(h for top in TOPS for h in (root / top).rglob("*.h") if not h.name.endswith(".bpf.h"))
    fresh, todo = {}, []
    key = hashlib.sha256(" ".join(command).encode()).hexdigest()
    for header in headers:
        if header.resolve() in proved:
            continue
        entry = known.get(str(header))
        if entry and entry["command"] == key and digest(entry["uses"]) == entry["hash"]:
            fresh[str(header)] = entry
        else:
            todo.append(header)
    failed = 0
    asio = {header: reaches_asio(root, header, set()) for header in todo}
    extra = precompile_asio(command, build) if any(asio.values()) else []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, (code, text, used) in zip(todo, pool.map(lambda h: compile_alone(command + (extra if asio[h] else []), h), todo)):
            if code:
                failed += 1
                print(f"{header.relative_to(root)} does not compile alone:\n{text}")
            else:
                ours = sorted({u for u in used if u.startswith((str(root), str(build)))} | {str(header)})
                fresh[str(header)] = {"command": key, "uses": ours, "hash": digest(ours)}
    store.write_text(json.dumps(fresh))
    print(f"{len(headers)} headers, {sum(h.resolve() in proved for h in headers)} proved by the build, {len(todo)} compiled now, {failed} failed")
    return 1 if failed or not headers else 0


sys.exit(main())
