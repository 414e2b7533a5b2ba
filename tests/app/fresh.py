"""A fresh process that is one function, as Lambda starts it: it handles the events of stdin and tells what it loaded.

`{"function": the name behind "app.", "event": {...}}` in; out `{"answer", "ready", "loaded", "seconds"}`: the modules
after initialisation, those that the first event added, and the processor time of both.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    """Be the function."""
    told = json.loads(sys.stdin.read())
    import app  # noqa: PLC0415  what is imported here is what is measured

    ready, began = set(sys.modules), time.process_time()
    answer = getattr(app, told["function"])(told["event"], None)
    ended = time.process_time()
    loaded = sorted(set(sys.modules) - ready)
    seconds = {"ready": began, "first": ended - began}
    print(json.dumps({"answer": answer, "ready": sorted(ready), "loaded": loaded, "seconds": seconds}))  # noqa: T201


if __name__ == "__main__":
    main()
