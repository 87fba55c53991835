"""A mail as Python's `email` package understands it, which shares no code with what wrote it. Reads stdin, prints JSON."""

import email
import email.policy
import json
import sys


def described(octets):
    # Only a mail that came with SMTPUTF8 has UTF-8 in its headers.
    mail = email.message_from_string(octets.decode(), policy=email.policy.default)
    body = mail.get_body(preferencelist=("plain",))
    return {
        "headers": [[name, str(value)] for name, value in mail.items()],
        "subject": str(mail["subject"]),
        "from": str(mail["from"]),
        "to": str(mail["to"]),
        "recipients": [address.addr_spec for address in mail["to"].addresses],
        "message_id": str(mail["message-id"]),
        "mime_version": str(mail["mime-version"]),
        "content_type": mail.get_content_type(),
        "charset": mail.get_content_charset(),
        "encoding": str(mail["content-transfer-encoding"]),
        "date": mail["date"].datetime.timestamp(),
        "body": body.get_content(),
        "parts": len(list(mail.walk())),
        "defects": [repr(defect) for part in mail.walk() for defect in part.defects]
        + [repr(defect) for value in mail.values() for defect in value.defects],
        "longest_line": max(len(line) for line in octets.split(b"\r\n")),
        "is_ascii": octets.isascii(),
        "bare_line_ends": octets.replace(b"\r\n", b"").count(b"\r") + octets.replace(b"\r\n", b"").count(b"\n"),
    }


if __name__ == "__main__":
    print(json.dumps(described(sys.stdin.buffer.read())))
