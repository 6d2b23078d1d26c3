"""`python -m syncd.demo`: the demo without the rest of the command line."""

from __future__ import annotations

import argparse
import sys

from syncd.demo.run import SECONDS, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m syncd.demo", description="Three shops, an ERP, faults, two kills.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the shoppers shop")
    parser.add_argument("--seed", type=int, help="of shoppers and faults; chosen by chance by default")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    chosen = parser.parse_args()
    sys.exit(main(seconds=chosen.seconds, seed=chosen.seed, keep=chosen.keep))
