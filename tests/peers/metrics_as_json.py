"""Reads figures in Prometheus's text form from standard input with Prometheus's own client for Python, and writes them as JSON."""

import json
import math
import sys

from prometheus_client.parser import text_string_to_metric_families

families = []
for family in text_string_to_metric_families(sys.stdin.read()):
    samples = []
    for sample in family.samples:
        value = sample.value
        if not math.isfinite(value):
            raise SystemExit(f"{sample.name} is {value}")
        samples.append({"name": sample.name, "labels": sample.labels, "value": value})
    # The client takes the ending of counters for a part of their samples' names alone.
    name = family.name + ("_total" if family.type == "counter" else "")
    families.append({"name": name, "type": family.type, "help": family.documentation, "samples": samples})
json.dump(families, sys.stdout)
