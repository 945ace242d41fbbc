"""Writes the bodies of events/ into a folder, as the fuzzer's first inputs."""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for path in sorted(pathlib.Path("events").glob("*/*.json")):
    event = json.loads(path.read_text())
    (folder / f"{path.parent.name}-{path.stem}").write_text(event["body"])
