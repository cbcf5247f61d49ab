"""A device without its node, by PyPI's mqtt-spb-wrapper. See README.md for what it is told and what it prints."""

import json
import os
import sys

from mqtt_spb_wrapper import MqttSpbEntityDevice

env = os.environ
device = MqttSpbEntityDevice(env["GROUP"], env["NODE"], env["DEVICE"], retain_birth=False)
device.on_command = lambda payload: print(
    json.dumps({"device": env["DEVICE"], "metrics": [[m["name"], m["value"]] for m in payload["metrics"]]}), flush=True
)
device.attributes.set_value("maker", "somebody")
device.data.set_value("temperature", 1.5)
device.data.set_value("running", True)
device.data.set_value("label", "3 楼")
device.commands.set_value("setpoint", 2.0)

if not device.connect(env["BROKER_HOST"], int(env["BROKER_PORT"]), env["USERNAME"], env["PASSWORD"]):
    sys.exit("not connected")
device.publish_birth()

for line in sys.stdin:
    verb, *rest = line.split()
    if verb == "data":
        device.data.set_value("temperature", float(rest[0]))
        device.publish_data()
    if verb in ("device-death", "stop"):
        device.disconnect()
        break
