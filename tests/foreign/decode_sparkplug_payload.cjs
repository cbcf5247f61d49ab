// Reads a Sparkplug B payload on standard input and prints what npm's sparkplug-payload makes of it.
"use strict";
const fs = require("fs");
const { get } = require("sparkplug-payload");

const plain = (_, value) => {
  if (value && typeof value === "object" && typeof value.toNumber === "function") return value.toString();
  if (value && value.type === "Buffer") return Buffer.from(value.data).toString("hex");
  return value;
};
const payload = get("spBv1.0").decodePayload(fs.readFileSync(0));
for (const metric of payload.metrics) {
  // Its own objects for 64-bit numbers and bytes do not print as such.
  if (metric.value && metric.value.low !== undefined) metric.value = metric.value.toString();
  if (metric.value instanceof Uint8Array) metric.value = Buffer.from(metric.value).toString("hex");
}
console.log(JSON.stringify(payload, plain));
