"""A receiver of webhooks that verifies each one with the Standard Webhooks library.

Every request is one JSON line in the file RECEIVED: its path, headers, body, and `error` if it did not verify. What is answered then
says the file MODE, one word:

ok        204
fail      500
redirect  307 to /elsewhere
gone      410
missing   404
throttle  503 with Retry-After: 2
slow      204, once the word has changed
hang      nothing; the connection ends once the word has changed
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook

PORT, SECRET, RECEIVED, MODE = sys.argv[1:]

ANSWERS = {"ok": 204, "slow": 204, "fail": 500, "redirect": 307, "gone": 410, "missing": 404, "throttle": 503}

writing = threading.Lock()


def mode():
    with open(MODE, encoding="ascii") as file:
        return file.read().strip()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        word = mode()
        line = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "mode": word,
            "at": time.time(),
            "error": None,
        }
        try:
            line["body"] = Webhook(SECRET).verify(body, line["headers"])
        except Exception as error:
            line["error"] = repr(error)
        with writing, open(RECEIVED, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        while word in ("hang", "slow") and mode() == word:
            time.sleep(0.02)
        if word == "hang":
            self.close_connection = True
            return
        self.send_response(ANSWERS[word])
        if word == "redirect":
            self.send_header("Location", "/elsewhere")
        if word == "throttle":
            self.send_header("Retry-After", "2")
        if ANSWERS[word] != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        with writing, open(RECEIVED, "a", encoding="utf-8") as file:
            file.write(json.dumps({"path": self.path, "error": "a GET, which is no webhook"}) + "\n")
        self.send_response(405)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(PORT)), Receiver).serve_forever()
