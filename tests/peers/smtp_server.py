"""An SMTP server, aiosmtpd, that does what the recipient's domain says, and writes down what it got, one JSON object a line."""

import argparse
import asyncio
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from mail_as_json import described

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--log", required=True)
parser.add_argument("--tls", choices=["none", "starttls", "tls"], default="none")
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--auth", default="")
parser.add_argument("--user", default="")
parser.add_argument("--password", default="")
options = parser.parse_args()
offered = [name for name in options.auth.split(",") if name]
greylisted = set()
count = 0


def note(event, **details):
    with open(options.log, "a", encoding="utf-8") as log:
        log.write(json.dumps({"event": event, **details}) + "\n")


def authenticate(server, session, envelope, mechanism, data):
    if not isinstance(data, LoginPassword):
        return AuthResult(success=False, handled=False)
    is_right = (data.login.decode(), data.password.decode()) == (options.user, options.password)
    note("auth", mechanism=mechanism, success=is_right)
    # Servers have been seen that repeat what they were told.
    refused = f"535 5.7.8 {data.login.decode()} with {data.password.decode()} is wrong"
    return AuthResult(success=is_right, handled=False, message=None if is_right else refused, auth_data=data)


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        # Once more after STARTTLS.
        note("hello", peer=session.peer[1], name=hostname)
        session.host_name = hostname
        return responses

    async def auth_XOAUTH2(self, server, args):
        import base64

        said = base64.b64decode(args[1]).decode()
        is_right = said == f"user={options.user}\x01auth=Bearer {options.password}\x01\x01"
        note("auth", mechanism="XOAUTH2", success=is_right)
        if not is_right:
            # As Google does: the reason in a challenge, the refusal once it is answered.
            await server.challenge_auth('{"status":"400","schemes":"Bearer"}')
            return AuthResult(success=False, handled=False, message="535 5.7.8 token not accepted")
        return AuthResult(success=True)

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        note("mail", sender=address, options=mail_options)
        if address.endswith("@refused.test"):
            return "550 5.7.1 sender not allowed"
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        note("rcpt", recipient=address)
        match address.rsplit("@", 1)[1]:
            case "greylist.test" if address not in greylisted:
                greylisted.add(address)
                return "451 4.7.1 greylisted, come again"
            case "unknown.test":
                return f"550 5.1.1 no such user: {address}"
            case "closing.test":
                server.transport.write(b"421 4.3.2 shutting down\r\n")
                server.transport.close()
            case "cut-at-rcpt.test":
                server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        global count
        domain = envelope.rcpt_tos[0].rsplit("@", 1)[1]
        text = envelope.content.decode("utf-8", "replace").replace("\r\n", " ")
        match domain:
            case "cut.test":
                note("cut", message_id=described(envelope.content)["message_id"])
                server.transport.abort()
                return "250 too late"
            case "hang.test":
                note("hung")
                await asyncio.sleep(3600)
            case "spam.test":
                return f"554 5.7.1 looks like spam: {text[-300:]}"
            case "full.test":
                return "452 4.3.1 disk full"
        count += 1
        identity = f"M{count:06}"
        note(
            "arrived",
            id=identity,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            options=envelope.mail_options,
            peer=session.peer[1],
            tls=server._tls_protocol is not None or options.tls == "tls",
            host_name=session.host_name,
            mail=described(envelope.content),
        )
        if domain == "last.test":
            # The last mail that this connection is good for.
            asyncio.get_running_loop().call_later(0.05, server.transport.close)
        return f"250 2.0.0 Ok: queued as {identity}"


def server():
    mechanisms = {"PLAIN", "LOGIN", "XOAUTH2"}
    return SMTP(
        Handler(),
        hostname="peer.test",
        enable_SMTPUTF8=True,
        tls_context=context if options.tls == "starttls" else None,
        require_starttls=options.tls == "starttls",
        auth_required=bool(offered),
        auth_require_tls=False,
        auth_exclude_mechanism=mechanisms - set(offered),
        authenticator=authenticate,
    )


async def main():
    listening = await asyncio.get_running_loop().create_server(
        server, "127.0.0.1", options.port, ssl=context if options.tls == "tls" else None
    )
    await listening.serve_forever()


context = None
if options.tls != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
asyncio.run(main())
