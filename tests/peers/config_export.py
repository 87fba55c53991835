"""What `pi-manage config export` does at its end: config_export.py json|yaml, with the configuration as JSON on the standard input."""

import json
import sys

import yaml

configuration = json.load(sys.stdin)
if sys.argv[1] == "yaml":
    sys.stdout.write(yaml.safe_dump(configuration) + "\n")
else:
    sys.stdout.write(json.dumps(configuration, indent=2) + "\n")
