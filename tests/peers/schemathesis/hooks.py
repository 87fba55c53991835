"""What no document can say of a request, since only the configuration of the fuzzed host knows it, or the clock."""

import datetime
import itertools
import json
import os
import re

import schemathesis

# {"gateways": […], "routes": […], "callbacks": […], "providers": […], "spare": NAME, "definition": {…}}
SITE = json.loads(os.environ["GATEPOST_SITE"])

# Which of them a name in the path is of.
NAMES = {
    ("takeReceipts", "gateway"): "gateways",
    ("showGateway", "name"): "gateways",
    ("checkGateway", "name"): "gateways",
    ("showProvider", "name"): "providers",
}

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

turns = itertools.count()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A name that is not configured is 422."""
    message = raw_schema["components"]["schemas"]["NewMessage"]["properties"]
    for member, names in [("gateway", "gateways"), ("route", "routes"), ("callback_url", "callbacks")]:
        message[member]["enum"] = SITE[names] + [None]
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                names = NAMES.get((operation["operationId"], parameter["name"]))
                if names:
                    parameter["schema"]["enum"] = SITE[names]


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is right stays right, and what is wrong stays wrong."""
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    # Nobody has the time for a minute, again and again.
    if re.fullmatch("[0-9]+", str(wait)) and 1 < int(wait) <= 60:
        case.query["wait"] = 1
    if case.headers and "wait=10" in str(case.headers.get("Prefer")):
        case.headers["Prefer"] = "wait=1"
    body = case.body
    if case.operation.label in ("PUT /v1/gateways/{name}", "DELETE /v1/gateways/{name}"):
        # A single gateway is defined and taken away, again and again: the others are needed.
        if re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", str(case.path_parameters.get("name")), re.ASCII):
            case.path_parameters["name"] = SITE["spare"]
        # Whatever is defined sends nothing beyond this machine.
        if isinstance(body, dict) and isinstance(body.get("parameters"), dict):
            body["parameters"] = SITE["definition"]["parameters"]
    elif isinstance(body, dict):
        messages = body["messages"] if isinstance(body.get("messages"), list) else [body]
        for message in messages:
            if isinstance(message, dict):
                in_time(message)


def in_time(message):
    """Brings durations and times within their bounds, for which a pattern has no words."""
    duration = re.fullmatch("([0-9]+)(ms|s|m|h|d)", str(message.get("valid_for")), re.ASCII)
    if duration and not 1 <= int(duration[1]) * UNITS[duration[2]] <= 7 * 86400:
        message["valid_for"] = "120s"
    today = datetime.datetime.now(datetime.timezone.utc)
    day = (today + datetime.timedelta(days=7)).date().isoformat()
    time = re.match("([0-9]{4})-[0-9]{2}-[0-9]{2}[Tt]", str(message.get("send_at")), re.ASCII)
    if time and int(time[1]) >= today.year:
        message["send_at"] = day + message["send_at"][10:]
    # One in two waits for its time, and can be canceled.
    if "send_at" not in message and next(turns) % 2:
        message["send_at"] = day + "T12:00:00Z"
