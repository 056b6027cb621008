// Decodes HEP packets, one a line in hex, with the library of HOMER's makers; prints one JSON object a line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2] + "/");
const hep = require("hep-js");
for await (const line of createInterface({ input: process.stdin }))
  if (line) console.log(JSON.stringify(hep.decapsulate(Buffer.from(line, "hex"))));
