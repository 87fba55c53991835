"""sipgate, played on Python's own XML-RPC server: xmlrpc_server.py PORT FILE USER PASSWORD

Each call is parsed by Python and written to FILE, one JSON object a line, before it is answered. The path says what the answer is:

/RPC2           the method's result: StatusCode 200 and a SessionID
/code/N         a result with StatusCode N
/fault/N        a fault with the code N
/http/N         the HTTP status N; 429 and 503 with Retry-After
/page           a web page with status 200
/bare           a result without a StatusCode
/endless        a result whose StatusCode comes after more than anybody wants to read
/rest, /rest/N  the REST API: status 204, or N with an error in JSON
/echo/KIND      all that arrived is repeated: in the text of `code` or `fault`, or in the body of the status KIND
"""

import base64
import json
import sys
import threading
from socketserver import ThreadingMixIn
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

PORT, FILE, USER, PASSWORD = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
EXPECTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

current = threading.local()
writing = threading.Lock()


def write_down(**what):
    with writing, open(FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


class Methods:
    """What can be called. The server asks `_dispatch` for every method that it has not itself."""

    def _dispatch(self, method, params):
        handler = current.handler
        write_down(
            path=handler.path,
            method=method,
            params=params,
            authorization=handler.headers.get("Authorization"),
            content_type=handler.headers.get("Content-Type"),
            user_agent=handler.headers.get("User-Agent"),
        )
        if method not in ("samurai.SessionInitiate", "system.listMethods"):
            raise Fault(400, "Method not supported")
        if method == "system.listMethods" and not handler.path.startswith("/fault/"):
            return ["samurai.SessionInitiate", "system.listMethods"]
        kind, _, code = handler.path.strip("/").partition("/")
        if kind == "code":
            return {"StatusCode": int(code), "StatusString": f"the service says {code}"}
        if kind == "fault":
            raise Fault(int(code), f"the service faults with {code}")
        if kind == "bare":
            return {"SessionID": "lost"}
        if kind == "endless":
            return {"Padding": "x" * 1_000_000, "StatusCode": 200}
        echo = f"{params} {handler.headers.get('Authorization')}"
        if (kind, code) == ("echo", "code"):
            return {"StatusCode": 407, "StatusString": echo, "SessionID": echo}
        if (kind, code) == ("echo", "success"):
            return {"StatusCode": 200, "StatusString": echo, "SessionID": params[0]["Content"]}
        if (kind, code) == ("echo", "fault"):
            raise Fault(407, echo)
        return {"StatusCode": 200, "StatusString": "Method success", "SessionID": "0123456789ABCDEF"}


class Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ()
    protocol_version = "HTTP/1.1"
    # Head and body of an answer in one packet.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        current.handler = self
        if self.headers.get("Authorization") != EXPECTED:
            write_down(path=self.path, authorization=self.headers.get("Authorization"))
            self.body()
            self.answer(401, "wrong user or password", {"WWW-Authenticate": 'Basic realm="sipgate"'})
            return
        kind, _, code = self.path.strip("/").partition("/")
        if kind == "http":
            body = self.body()
            write_down(path=self.path, body=body)
            self.answer(int(code), f"the server says {code}", {"Retry-After": "7"} if code in ("429", "503") else {})
        elif kind == "page":
            self.answer(200, f"<html><body>Sign in, please</body></html>{self.body()[:0]}", {})
        elif kind == "rest":
            write_down(
                path=self.path,
                json=json.loads(self.body()),
                authorization=self.headers.get("Authorization"),
                content_type=self.headers.get("Content-Type"),
            )
            if code:
                self.answer(int(code), json.dumps({"error": f"the API says {code}"}), {})
            else:
                self.answer(204, "", {})
        elif kind == "echo" and code.isdigit():
            self.answer(int(code), f"{self.body()} {self.headers}", {})
        else:
            super().do_POST()

    def do_HEAD(self):
        write_down(path=self.path, method="HEAD", authorization=self.headers.get("Authorization"))
        self.answer(405, "", {})

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def answer(self, status, body, headers):
        body = body.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingMixIn, SimpleXMLRPCServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", PORT), requestHandler=Handler, allow_none=True, encoding="utf-8")
server.register_instance(Methods())
server.serve_forever()
