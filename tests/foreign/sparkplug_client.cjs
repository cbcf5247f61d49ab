// An edge node by npm's sparkplug-client. See README.md for what it is told and what it prints.
"use strict";
const readline = require("readline");
const sparkplug = require("sparkplug-client");

const { BROKER_HOST, BROKER_PORT, USERNAME, PASSWORD, GROUP, NODE, DEVICE } = process.env;
const client = sparkplug.newClient({
  serverUrl: `mqtt://${BROKER_HOST}:${BROKER_PORT}`,
  username: USERNAME,
  password: PASSWORD,
  clientId: NODE,
  groupId: GROUP,
  edgeNode: NODE,
  version: "spBv1.0",
  publishDeath: true,
});

const message = (metrics) => ({ timestamp: Date.now(), metrics });
const temperature = (value) => ({ name: "temperature", type: "Double", value, timestamp: Date.now() });

function birth() {
  client.publishNodeBirth(message([
    { name: "Node Control/Rebirth", type: "Boolean", value: false },
    { name: "load", type: "Float", value: 0.5 },
  ]));
  client.publishDeviceBirth(DEVICE, message([
    temperature(1.5),
    { name: "trips", type: "Int64", value: -3 },
    { name: "running", type: "Boolean", value: true },
    { name: "label", type: "String", value: "3 楼" },
    { name: "setpoint", type: "Double", value: 2 },
  ]));
}

client.on("birth", birth);
client.on("ncmd", (payload) => {
  console.log(JSON.stringify({ node: payload.metrics.map(({ name, value }) => [name, value]) }));
  if (payload.metrics.some(({ name, value }) => name === "Node Control/Rebirth" && value)) birth();
});
client.on("dcmd", (device, payload) => {
  console.log(JSON.stringify({ device, metrics: payload.metrics.map(({ name, value }) => [name, value]) }));
});
client.on("error", (error) => {
  console.error(error);
  process.exit(1);
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [verb, number] = line.split(" ");
  if (verb === "data") client.publishDeviceData(DEVICE, message([temperature(Number(number))]));
  if (verb === "device-death") client.publishDeviceDeath(DEVICE, { timestamp: Date.now(), metrics: [] });
  if (verb === "stop") client.stop();
});
