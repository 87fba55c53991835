"""Holds an OpenAPI document against its specification, and what was really said against it: openapi_check.py DOCUMENT SAID

SAID has one JSON object a line: an answer, {"operation": "GET /healthz", "status", "content_type", "headers", "body"}, or what somebody
was told, {"webhook": "message.sent", "body"} or {"schema": "Message", "body"}. Every complaint is a line; without any the exit code is 0.
"""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

with open(sys.argv[1], encoding="utf-8") as file:
    DOCUMENT = json.load(file)

complaints = []


def fits(schema, value, where, components):
    """Whether a value is what a schema of the document says."""
    validator = Draft202012Validator(
        {**schema, "components": components}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for error in validator.iter_errors(value):
        complaints.append(f"{where}: {error.json_path}: {error.message[:300]}")


def merged(schema, schemas):
    """A schema that is made of others, as one: what each of them names has to be there, and nothing else."""
    if "$ref" in schema:
        return merged(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    whole = {"properties": dict(schema.get("properties", {})), "required": list(schema.get("required", []))}
    for part in schema.get("allOf", []):
        part = merged(part, schemas)
        whole["properties"] |= part.get("properties", {})
        whole["required"] += part.get("required", [])
    return whole if "allOf" in schema else schema


def closed(components):
    """The schemas with no room for what they do not name: a member that is answered has to be described. Problems may have others."""
    components = json.loads(json.dumps(components))
    schemas = components["schemas"]
    for name, schema in schemas.items():
        schemas[name] = merged(schema, schemas)
    for name, schema in schemas.items():
        if "properties" in schema and name != "Problem":
            schema["additionalProperties"] = False
    return components


def examples(holder):
    yield from ([holder["example"]] if "example" in holder else [])
    yield from (example["value"] for example in holder.get("examples", {}).values())


def check_examples():
    components = DOCUMENT["components"]
    for name, schema in components["schemas"].items():
        for example in schema.get("examples", []):
            fits(schema, example, f"example of {name}", components)
        for member, inner in schema.get("properties", {}).items():
            for example in inner.get("examples", []):
                fits(inner, example, f"example of {name}.{member}", components)
    for path, item in [*DOCUMENT["paths"].items(), *DOCUMENT["webhooks"].items()]:
        for method, operation in item.items():
            where = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", []):
                if not list(examples(parameter)):
                    complaints.append(f"{where}: the parameter {parameter['name']} has no example")
                for example in examples(parameter):
                    fits(parameter["schema"], example, f"{where}: example of {parameter['name']}", components)
            contents = [(where + ": example of the body", operation.get("requestBody", {}).get("content", {}))]
            for status, response in operation["responses"].items():
                contents.append((f"{where}: example of {status}", response.get("content", {})))
            for place, content in contents:
                for media in content.values():
                    for example in examples(media):
                        fits(media["schema"], example, place, components)


def check_said(said, components):
    body = said["body"]
    if "schema" in said:
        return fits({"$ref": f"#/components/schemas/{said['schema']}"}, body, said["schema"], components)
    if "webhook" in said:
        content = DOCUMENT["webhooks"][said["webhook"]]["post"]["requestBody"]["content"]
        return fits(content["application/json"]["schema"], body, said["webhook"], components)
    method, path = said["operation"].split(" ")
    where = f"{said['operation']} {said['status']}"
    response = DOCUMENT["paths"][path][method.lower()]["responses"].get(str(said["status"]))
    if response is None:
        return complaints.append(f"{where}: the status is not described")
    content = response.get("content", {})
    media_type = said["content_type"].split(";")[0]
    if content and media_type not in content:
        return complaints.append(f"{where}: {media_type} is not described")
    for name in ["location", "retry-after", "www-authenticate", "etag", "preference-applied"]:
        if name in said["headers"] and name not in [known.lower() for known in response.get("headers", {})]:
            complaints.append(f"{where}: the header {name} is not described")
    if media_type.endswith("json"):
        fits(content[media_type]["schema"], body, where, components)


validate(DOCUMENT)
check_examples()
with open(sys.argv[2], encoding="utf-8") as file:
    answers = [json.loads(line) for line in file]
for answer in answers:
    check_said(answer, closed(DOCUMENT["components"]))
print("\n".join(complaints))
print(f"{len(answers)} answers, {len(complaints)} complaints")
sys.exit(bool(complaints))
