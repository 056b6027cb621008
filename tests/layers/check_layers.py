#!/usr/bin/python3
"""Checks that includes go one way, as docs/architecture.md says.  Usage: check_layers.py SOURCE_DIR"""
import pathlib
import re
import sys

# Folder -> folders of ours it may include from, itself aside. The longest matching folder counts.
ALLOWED = {
    "config/base": [],
    "config": ["config/base"],
    "stun": ["config/base"],
    "codecs": ["config/base"],
    "media/rtp": ["config/base"],
    "media": ["config", "stun", "codecs", "media/rtp"],
    "relay/api": ["config/base", "stun"],
    "relay": ["config", "stun", "codecs", "media", "relay/api"],
    # The sockets that answer STUN on the signaling host use the wire format; of the relay only its contract is known.
    "signaling": ["config", "stun", "relay/api"],
}

# Third-party headers -> the only folders that may include them.
THIRD_PARTY = {
    r"spdlog/(?!fmt/)": ["config/base"],  # formatting alone is everybody's
    r"toml\+\+/": ["config"],
    r"CLI/": ["signaling/ctl", "media/phone", "media/replay"],
    r"expat": ["signaling/xml"],
    r"gsasl": ["signaling/auth"],
    r"stringprep|idn": ["signaling/xmpp", "signaling/auth"],
    r"unictype|uninorm|unicase|unistr": ["signaling/xmpp"],
    r"soci/|sqlite3|hiredis/": ["signaling/storage"],
    r"strophe": ["media/phone"],
    r"nice/|stun/usages|agent\.h": ["stun", "media/phone"],
    r"srtp2/": ["media/srtp"],
    r"opus/|opus\.h": ["codecs/opus"],
    r"vpx/": ["codecs/vpx"],
    r"spandsp/": ["codecs/g722", "codecs/tones"],
    r"speex/": ["codecs/resample"],
    r"bpf/|linux/bpf": ["relay/kernel"],
    r"gst/": ["codecs/h264", "media/pipeline"],
    r"libyuv": ["codecs/video"],
    r"pcap": ["media", "relay"],
    r"google/protobuf": ["relay"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
OURS = ("config/", "stun/", "codecs/", "media/", "relay/", "signaling/")


def longest(path, folders):
    return max((f for f in folders if path == f or path.startswith(f + "/")), key=len, default=None)


def module_of(path):
    parts = path.split("/")
    return parts[2] if path.startswith("signaling/modules/") and len(parts) > 3 else None


def problems_of(name, text, exists):
    folder = name.rpartition("/")[0]
    is_main = name.endswith("main.cpp")  # mains put the programs together and may name everything
    home = longest(folder, ALLOWED)
    for bracket, target in INCLUDE.findall(text):
        if bracket == '"':
            if target.endswith(".pb.h"):
                continue  # generated beside its schema
            if not target.startswith(OURS):
                yield f'includes "{target}": write the path from the top of the tree'
            elif not exists(target):
                yield f'includes "{target}", which is not there'
            elif not is_main:
                there = longest(target.rpartition("/")[0], ALLOWED)
                allowed = ALLOWED[home]
                if there != home and not any(there == a or there.startswith(a + "/") for a in allowed):
                    yield f'includes "{target}": {home} may use {", ".join(allowed) or "nothing of ours"} only'
                mine, theirs = module_of(name), module_of(target)
                if mine and theirs and mine != theirs:
                    yield f'includes "{target}": modules do not include one another'
            continue
        for pattern, folders in THIRD_PARTY.items():
            if re.match(pattern, target) and not is_main and not longest(folder, folders):
                yield f"includes <{target}>: that belongs into {', '.join(folders)} alone"


def self_test():
    """A check that finds nothing proves nothing: it must find these."""
    yes = lambda _: True
    assert list(problems_of("stun/a.h", '#include "signaling/xml/element.h"\n', yes))
    assert list(problems_of("config/base/a.h", '#include "config/schema.h"\n', yes))
    assert list(problems_of("signaling/calls/a.h", '#include "relay/worker.h"\n', yes))
    assert list(problems_of("signaling/modules/ping/a.cpp", '#include "signaling/modules/time/b.h"\n', yes))
    assert list(problems_of("signaling/xml/a.cpp", "#include <toml++/toml.h>\n", yes))
    assert list(problems_of("stun/a.h", '#include "message.h"\n', yes))
    assert not list(problems_of("media/srtp/a.h", '#include "media/rtp/rtp.h"\n#include <vector>\n', yes))
    assert not list(problems_of("signaling/calls/a.h", '#include "relay/api/client.h"\n', yes))


def main():
    self_test()
    root = pathlib.Path(sys.argv[1])
    files = [f for top in OURS for f in (root / top).rglob("*") if f.suffix in (".h", ".cpp")]
    found = 0
    for file in sorted(files):
        name = file.relative_to(root).as_posix()
        for problem in problems_of(name, file.read_text(encoding="utf-8"), lambda t: (root / t).exists()):
            print(f"{name}: {problem}")
            found += 1
    print(f"{len(files)} files, {found} problems")
    return 1 if found or not files else 0


sys.exit(main())
