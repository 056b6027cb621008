#!/usr/bin/python3
"""The tests of the stores over PostgreSQL: a server of their own.  Usage: postgresql.py TEST_PROGRAM [FILTER]"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "interop/postgresql"))
from cluster import Cluster  # noqa: E402

with Cluster() as cluster:
    environment = os.environ | {"CARILLON_TEST_POSTGRESQL": cluster.uri()}
    chosen = [f"--gtest_filter={sys.argv[2]}"] if len(sys.argv) > 2 else []
    sys.exit(subprocess.run([sys.argv[1], "--gtest_brief=1", *chosen], env=environment, timeout=240).returncode)
