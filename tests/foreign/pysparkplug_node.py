"""An edge node by PyPI's pysparkplug. See README.md for what it is told and what it prints."""

import json
import os
import sys

import pysparkplug as sp

env = os.environ
device_id = env["DEVICE"]


def metric(name, datatype, value):
    return sp.Metric(timestamp=sp.get_current_timestamp(), name=name, datatype=datatype, value=value)


def told(whom):
    def print_command(_, message):
        metrics = [[metric.name, metric.value] for metric in message.payload.metrics]
        print(json.dumps({whom: device_id, "metrics": metrics} if whom == "device" else {whom: metrics}), flush=True)
    return print_command


client = sp.Client(client_id=env["NODE"], username=env["USERNAME"], password=env["PASSWORD"])
node = sp.EdgeNode(
    env["GROUP"],
    env["NODE"],
    metrics=(metric("Node Control/Rebirth", sp.DataType.BOOLEAN, False), metric("load", sp.DataType.FLOAT, 0.5)),
    client=client,
    cmd_callback=told("node"),
)
device = sp.Device(
    device_id,
    metrics=(
        metric("temperature", sp.DataType.DOUBLE, 1.5),
        metric("trips", sp.DataType.INT64, -3),
        metric("running", sp.DataType.BOOLEAN, True),
        metric("label", sp.DataType.STRING, "3 楼"),
        metric("setpoint", sp.DataType.DOUBLE, 2.0),
    ),
    cmd_callback=told("device"),
)
node.register(device)
node.connect(env["BROKER_HOST"], port=int(env["BROKER_PORT"]), blocking=False)

for line in sys.stdin:
    verb, *rest = line.split()
    if verb == "data":
        node.update_device(device_id, (metric("temperature", sp.DataType.DOUBLE, float(rest[0])),))
    if verb == "device-death":
        node.deregister(device_id)
    if verb == "stop":
        node.disconnect()
        break
