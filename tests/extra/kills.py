"""kill -9 at a hundred random moments, with `--state`: the union of what was printed, and a stream that is resumed. kills.py [KILLS]"""
import os
import subprocess
import sys

from lab import ROOT

kills = sys.argv[1] if len(sys.argv) > 1 else "100"
command = ["cargo", "test", "--locked", "--test", "it", "restarts::"]
sys.exit(subprocess.run(command, cwd=ROOT, env=os.environ | {"PROGRESS_BRIDGE_TEST_KILLS": kills}).returncode)
