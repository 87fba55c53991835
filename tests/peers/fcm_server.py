"""Firebase Cloud Messaging and Google's token endpoint, played on Python's own server: fcm_server.py PORT FILE LIFE

Writes account.json, a service account whose token_uri is here, beside FILE; then every request into FILE, one JSON object a line,
before it is answered. An access token holds for LIFE seconds.

POST /token             checks the assertion as Google does, with PyJWT: signature, audience, issuer, scope and times
POST /token/N           the HTTP status N with an error in JSON; 503 with Retry-After
POST /token/slow        503 after a second
POST /token/page        a web page with status 200
POST /token/echo        refuses, and repeats all that arrived
POST /token/late/SECONDS takes so long, then answers as /token does

POST /v1/projects/demo-project/messages:send checks access token and message as FCM does. The registration token says what comes then:

error:N:CODE[:SECONDS]  the HTTP status N, the code as FCM writes it, Retry-After
plain:N                 the HTTP status N and no JSON
revoke                  once: the access token holds no longer, 401; and then as any other
never                   401, whatever the access token
nameless                200 without a name
page                    a web page with status 200
echo:N                  the HTTP status N, and all that arrived is repeated
anything else           200 and a name
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PORT, FILE, LIFE = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
ORIGIN = f"http://127.0.0.1:{PORT}"
EMAIL = "gatepost@demo-project.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def write_account(name, key):
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "demo-project",
        "private_key_id": "key-1",
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"{ORIGIN}/token",
    }
    with open(os.path.join(os.path.dirname(FILE), name), "w", encoding="utf-8") as file:
        json.dump(account, file)


lock = threading.Lock()
expiry = {}
revoked_for = set()


def write_down(**what):
    with lock, open(FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps({**what, "at": time.time()}) + "\n")


def claims_of(assertion, audience):
    """The claims, after all that Google checks."""
    claims = jwt.decode(
        assertion,
        KEY.public_key(),
        algorithms=["RS256"],
        audience=audience,
        issuer=EMAIL,
        options={"require": ["exp", "iat", "iss", "aud", "scope"]},
    )
    if claims["scope"] != SCOPE:
        raise jwt.InvalidTokenError("wrong scope")
    if not 0 < claims["exp"] - claims["iat"] <= 3600:
        raise jwt.InvalidTokenError("holds too long")
    if abs(time.time() - claims["iat"]) > 60:
        raise jwt.InvalidTokenError("not issued now")
    return claims


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer in one packet.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.startswith("/token"):
            self.token(body)
        else:
            self.push(body)

    def token(self, body):
        kind = self.path.removeprefix("/token").strip("/")
        form = {name: values[0] for name, values in parse_qs(body).items()}
        late = kind.startswith("late/")
        if late or not kind:
            if late:
                time.sleep(float(kind.removeprefix("late/")))
            try:
                if form["grant_type"] != GRANT_TYPE:
                    raise jwt.InvalidTokenError("wrong grant_type")
                claims = claims_of(form["assertion"], f"http://{self.headers['Host']}{self.path}")
            except jwt.InvalidTokenError as error:
                write_down(kind="token", error=repr(error))
                self.refuse(400, "invalid_grant", f"Invalid JWT: {error}")
                return
            with lock:
                token = f"ya29.access-{len(expiry)}"
                expiry[token] = time.time() + LIFE
            head = jwt.get_unverified_header(form["assertion"])
            content_type = self.headers.get("Content-Type")
            write_down(kind="token", claims=claims, head=head, content_type=content_type)
            self.answer(200, {"access_token": token, "expires_in": int(LIFE), "token_type": "Bearer"})
            return
        write_down(kind="token", path=self.path)
        if kind == "slow":
            time.sleep(1)
            self.refuse(503, "backend_error", "come later")
        elif kind == "page":
            self.answer(200, "<html>Sign in, please</html>")
        elif kind == "echo":
            self.refuse(400, "invalid_grant", f"{body} {form['assertion']}")
        elif kind == "301":
            self.answer(301, "moved", {"Location": "/token"})
        else:
            retry = {"Retry-After": "7"} if kind == "503" else {}
            self.answer(int(kind), {"error": "some_error", "error_description": f"the endpoint says {kind}"}, retry)

    def refuse(self, status, error, description):
        self.answer(status, {"error": error, "error_description": description})

    def push(self, body):
        authorization = self.headers.get("Authorization") or ""
        access = authorization.removeprefix("Bearer ")
        with lock:
            holds = expiry.get(access, 0) > time.time()
        message = json.loads(body)["message"]
        device = message["token"]
        with lock:
            if device == "revoke" and device not in revoked_for:
                revoked_for.add(device)
                expiry[access] = 0
                holds = False
        holds = holds and device != "never"
        write_down(
            kind="push",
            path=self.path,
            access=access,
            holds=holds,
            message=message,
            content_type=self.headers.get("Content-Type"),
            user_agent=self.headers.get("User-Agent"),
        )
        if not holds:
            self.error(401, "UNAUTHENTICATED", None, "Request had invalid authentication credentials.")
        elif self.path != "/v1/projects/demo-project/messages:send":
            self.error(404, "NOT_FOUND", None, "Requested entity was not found.")
        elif not all(isinstance(value, str) for value in message.get("data", {}).values()):
            self.error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Invalid value at 'message.data[0].value' (TYPE_STRING)")
        elif device.startswith("error:"):
            _, status, code, *retry = device.split(":")
            retry = {"Retry-After": retry[0]} if retry else {}
            self.error(int(status), "SOME_STATUS", code, f"the service says {code}", retry)
        elif device.startswith("plain:"):
            status = int(device.removeprefix("plain:"))
            self.answer(status, f"the server says {status}")
        elif device.startswith("echo:"):
            self.error(int(device[5:8]), "ECHO", None, f"{body} {self.headers}")
        elif device == "page":
            self.answer(200, "<html>Sign in, please</html>")
        elif device == "nameless":
            self.answer(200, {"title": "nothing"})
        else:
            self.answer(200, {"name": f"projects/demo-project/messages/0:{len(device)}%31bd1c96"})

    def error(self, status, google, fcm, words, headers=None):
        error = {"code": status, "message": words, "status": google}
        if fcm:
            kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": kind, "errorCode": fcm}]
        self.answer(status, {"error": error}, headers)

    def answer(self, status, body, headers=None):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


write_account("account.json", KEY)
write_account("stranger.json", rsa.generate_private_key(public_exponent=65537, key_size=2048))
Server(("127.0.0.1", PORT), Handler).serve_forever()
