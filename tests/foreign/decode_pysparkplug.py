"""Reads a Sparkplug B payload on standard input and prints what pysparkplug's protobuf classes make of it."""

import json
import sys

from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from pysparkplug._protobuf import Payload

payload = Payload()
payload.ParseFromString(sys.stdin.buffer.read())
if any(len(UnknownFieldSet(message)) for message in (payload, *payload.metrics)):
    sys.exit("fields that the specification does not have")
print(json.dumps(MessageToDict(payload, preserving_proto_field_name=True), ensure_ascii=False))
