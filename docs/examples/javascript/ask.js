// Asks OpenFGA for a decision of Bailiwick, with OpenFGA's official SDK: see docs/store.md.
//
//   . .run/env
//   npm ci
//   node ask.js bob@acme.example App:View project acme prod vision
//   node ask.js --attributes '{"anonymized": true}' carol@acme.example Dataset:Read resource acme research grasping Dataset 42

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { CredentialsMethod, OpenFgaClient } from "@openfga/sdk";

// id is under which somebody or something stands in the store.
function id(type, ...path) {
  let full = path.map(encode).join("/");
  if (full.length > 180) {
    full = full.slice(0, 100) + "~" + createHash("sha256").update(full).digest("base64url");
  }
  return `${type}:${full}`;
}

// encode does more than encodeURIComponent, which lets through some characters that mean something here.
function encode(name) {
  return Array.from(new TextEncoder().encode(name), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._@-]/.test(character) ? character : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }).join("");
}

// ask says whether the user with this subject holds a permission at a place: its type and its whole path.
async function ask(subject, permission, type, path, attributes) {
  const key = process.env.OPENFGA_API_TOKEN;
  const openFGA = new OpenFgaClient({
    apiUrl: process.env.OPENFGA_API_URL,
    storeId: process.env.OPENFGA_STORE_ID,
    credentials: key ? { method: CredentialsMethod.ApiToken, config: { token: key } } : undefined,
  });
  const object = id(type, ...path);
  const request = {
    user: id("user", subject),
    relation: "can",
    object,
    context: { permission, attributes, current_time: new Date().toISOString() },
  };
  if (type === "resource" && !object.includes("~")) {
    // The store may know nothing of this object, so the question says where it lies. An id that was
    // cut doesn't show it: of such an object without a grant of its own, ask where it is in.
    const above = path.slice(0, -2);
    const level = ["organization", "workspace", "project"][above.length - 1];
    request.contextualTuples = [{ user: id(level, ...above), relation: "parent", object }];
  }
  const { allowed } = await openFGA.check(request);
  return allowed === true;
}

const { values, positionals } = parseArgs({
  options: { attributes: { type: "string", default: "{}" } },
  allowPositionals: true,
});
if (positionals.length < 4) {
  console.error("usage: node ask.js [--attributes JSON] SUBJECT PERMISSION TYPE NAME...");
  process.exit(2);
}
const [subject, permission, type, ...path] = positionals;
try {
  console.log((await ask(subject, permission, type, path, JSON.parse(values.attributes))) ? "allowed" : "denied");
} catch (error) {
  // No answer is no access.
  console.error("ask:", error.message);
  process.exit(1);
}
