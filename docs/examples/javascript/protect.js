// An application that Bailiwick protects: see docs/tutorials/protect.md.
//
//   . .run/env
//   npm ci
//   node protect.js 127.0.0.1:8090

import express from "express";
import { AuthZEN } from "./authzen.js";
import { where } from "./where.js";

const bailiwick = new AuthZEN({ url: process.env.BAILIWICK_DECISION_URL, token: () => process.env.BAILIWICK_DECISION_KEY });
const app = express();

// user is who has signed in. Yours comes from a session or a token, never from a header that anybody can send.
const user = (request) => request.get("X-User") && { type: "user", id: request.get("X-User") };
const project = ({ params: { organization, workspace, project } }) => ({ type: "project", id: `${organization}/${workspace}/${project}` });

const view = bailiwick.protect((request) => {
  const subject = user(request);
  return subject && { subject, action: { name: "App:View" }, resource: project(request) };
});
app.get("/projects/:organization/:workspace/:project", view, (request, response) => {
  response.send("here it is\n");
});

// What somebody may do here, for a menu.
app.get("/menu/:organization/:workspace/:project", async (request, response) => {
  const actions = ["App:View", "App:Edit", "App:Deploy"];
  const shared = { subject: user(request), resource: project(request) };
  const allowed = await bailiwick.allowedAll(shared, actions.map((name) => ({ action: { name } }))).catch((error) => {
    console.error(error.message); // the menu is empty then
    return [];
  });
  response.json(actions.filter((_, n) => allowed[n]));
});

// What somebody may view, as a condition for the application's database.
app.get("/where/:organization", async (request, response) => {
  if (!user(request)) {
    response.status(401).send("sign in first");
    return;
  }
  try {
    const found = await bailiwick.resources({
      subject: user(request),
      action: { name: "App:View" },
      resource: { type: "App", properties: { scope: { organization: request.params.organization } } },
    });
    const attributes = { color: { name: "color", type: "String" }, size: { name: "size", type: "Number" }, open: { name: "open", type: "Boolean" } };
    response.json(where(found, { organization: "organization", workspace: "workspace", project: "project", id: "id", attributes }));
  } catch (error) {
    console.error(error.message);
    response.status(503).send("the list can't be made");
  }
});

const [host, port] = process.argv[2].split(":");
const server = app.listen(Number(port), host, () => console.log(`http://${host}:${server.address().port}`));
