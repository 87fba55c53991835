"""A collector of traces: takes OTLP over HTTP as protobuf, decoded with OpenTelemetry's own classes for Python.

Each span is a line of JSON. How a request is answered says the file MODE, one word: `ok`, `fail` (503) or `hang`.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PORT, SPANS, MODE = sys.argv[1:]

writing = threading.Lock()


def mode():
    with open(MODE, encoding="ascii") as file:
        return file.read().strip()


def plain(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def lines(request, headers):
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "resource": plain(resource.resource.attributes),
                    "scope": scope.scope.name,
                    "headers": headers,
                    "trace": span.trace_id.hex(),
                    "span": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind),
                    "began": span.start_time_unix_nano,
                    "ended": span.end_time_unix_nano,
                    "attributes": plain(span.attributes),
                    "status": Status.StatusCode.Name(span.status.code),
                    "links": [{"trace": link.trace_id.hex(), "span": link.span_id.hex()} for link in span.links],
                }


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        word = mode()
        while word == "hang" and mode() == word:
            time.sleep(0.02)
        if word == "ok":
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path != "/v1/traces" or headers["content-type"] != "application/x-protobuf":
                raise SystemExit(f"no OTLP: {self.path} {headers}")
            with writing, open(SPANS, "a", encoding="utf-8") as file:
                for line in lines(ExportTraceServiceRequest.FromString(body), headers):
                    file.write(json.dumps(line) + "\n")
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if word == "ok" else 503)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(PORT)), Collector).serve_forever()
