import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { ALICE, browse, eventually, GUEST, kubectl, open, PICTURES, proxy, serve, VIEWER, wellMade } from "./site.mjs";

let browser, site, page;

before(async () => {
  [browser, site] = await Promise.all([browse(), serve(VIEWER)]);
  page = await open(browser, site);
});
after(async () => {
  await browser?.close();
  await site?.end();
});

const show = async (address, heading) => {
  await page.goto(new URL(address, site.url).href);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};

// picture is for the documentation, which has some of them.
const picture = async (of, name) => {
  if (PICTURES && ["places", "person", "ask", "ends", "requests"].includes(name)) await of.screenshot({ path: path.join(PICTURES, `${name}.png`) });
};

const pages = [
  ["places", "/acme", "Places", "Group engineering → Role viewer"],
  ["place", "/acme/place?at=acme/research/grasping/Dataset/42", "acme/research/grasping/Dataset/42", "dataset-reader"],
  ["people", "/acme/people", "People", "Bob Bergström"],
  ["person", "/acme/people/carol", "Carol Castillo", "classification NotEquals secret"],
  ["group", "/acme/groups/engineering", "engineering", "alice"],
  ["roles", "/acme/roles", "Roles", "maintainer"],
  ["role", "/acme/roles/maintainer", "Maintainer", "App:Delete"],
  ["ask", "/acme/ask?user=bob&permission=App:Deploy&scope=prod/vision&attributes=environment%3Dproduction%0Areplicas%3D2", "Ask", "bob may not App:Deploy at acme/prod/vision"],
  ["ask-who", "/acme/ask?permission=App:Deploy&scope=prod/vision", "Ask", "deploy-bot"],
  ["ends", "/acme/ends?days=0", "Ending", "deploy-bot-delete-vision"],
  ["requests-none", "/acme/requests", "Requests", "Nothing waits for a decision"],
  ["problems", "/acme/problems", "Problems", "None"],
];
for (const [name, address, heading, text] of pages) {
  test(`[C1] ${name}: shows what there is, accessibly, in light and dark and at 400 %`, async () => {
    await show(address, heading);
    await page.locator("main").filter({ hasText: text }).waitFor();
    assert.equal(await page.getByText("This is not complete").count(), 0);
    await picture(page, name);
    await wellMade(page);
  });
}

test("[C1] what is not there is not found, and what is outside is refused", async () => {
  const asked = async (address) => (await page.goto(new URL(address, site.url).href)).status();
  assert.equal(await asked("/acme/people/nobody"), 404);
  await page.getByRole("heading", { name: "No User nobody" }).waitFor();
  assert.equal(await asked("/acme/place?at=acme/prod/nowhere"), 404);
  for (const outside of ["/other/people", "/acme/nothing", "/static/", "/acme/people/../..%2f", "/?token=wrong"]) {
    assert.equal(await asked(outside), outside.includes("token") ? 200 : 403, outside);
  }
  page.complaints = [];
});

test("[C1] another page can neither link here nor send anything", async () => {
  const evil = await page.context().newPage();
  await evil.route("http://evil.example/**", (route) => route.fulfill({
    contentType: "text/html",
    body: `<a href="${new URL("/acme", site.url)}">look</a><form method="post" action="${new URL("/acme/ask", site.url)}"><button>send</button></form>`,
  }));
  for (const act of [(at) => at.getByRole("link").click(), (at) => at.getByRole("button").click()]) {
    await evil.goto("http://evil.example/");
    const answered = evil.waitForResponse((response) => response.url().startsWith(new URL("/", site.url).href));
    await act(evil);
    assert.equal((await answered).status(), 403);
  }
  await evil.close();

  const stranger = await browser.newPage();
  assert.equal((await stranger.goto(new URL("/acme", site.url).href)).status(), 403, "without the cookie");
  assert.equal((await stranger.goto(site.url)).status(), 403, "with the token that has been used");
  await stranger.close();
});

test("[C1] everything is reached by keyboard, and it shows where one is", async () => {
  await show("/acme", "Places");
  const focused = () => page.evaluate(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return { text: document.activeElement.textContent.trim(), visible: outlineStyle !== "none" && outlineWidth !== "0px" };
  });
  const tabTo = async (text) => {
    for (let n = 0; n < 200; n++) {
      await page.keyboard.press("Tab");
      const now = await focused();
      assert.ok(now.visible, `where one is can't be seen at ${now.text}`);
      if (now.text === text) return;
    }
    assert.fail(`${text} can't be reached`);
  };
  await tabTo("Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await tabTo("acme");
  await show("/acme", "Places");
  await tabTo("People");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
  await tabTo("bob");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Bob Bergström" }).waitFor();
  await tabTo("Ask what they may do");
  await page.keyboard.press("Enter");
  await page.getByLabel("Permission").waitFor();
  await page.getByLabel("User").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.type("App:View");
  await page.keyboard.press("Tab");
  await page.keyboard.type("prod/vision");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Yes: bob may App:View at acme/prod/vision" }).waitFor();
});

test("[C1] who may read little sees that, and is told what is missing where it matters", async () => {
  const little = await serve(GUEST);
  const guest = await open(browser, little);
  const lacks = { "/acme": "Organization, RoleAssignment", "/acme/people/carol": "ResourceType, Organization, Group", "/acme/roles": "ResourceType: you", "/acme/ask?user=carol&permission=App:View": "GroupMembership", "/acme/ends": "Invitation", "/acme/problems": "PermissionGrant" };
  for (const [address, kinds] of Object.entries(lacks)) {
    await guest.goto(new URL(address, little.url).href);
    await guest.getByText(`This is not complete.`).first().waitFor();
    assert.match(await guest.locator(".warn").first().textContent(), new RegExp(kinds), address);
    await wellMade(guest);
  }
  await guest.goto(new URL("/acme/ask?user=carol&permission=App:View&scope=prod", little.url).href);
  await guest.getByRole("heading", { name: "Unknown: carol may or may not App:View" }).waitFor();
  await guest.goto(new URL("/acme/people", little.url).href);
  await guest.getByText("Carol Castillo").waitFor();
  assert.equal(await guest.getByText("This is not complete.").count(), 0);
  await guest.goto(new URL("/acme/people/carol", little.url).href);
  assert.equal(await guest.getByText("carol-viewer-prod").count(), 0);
  await guest.context().close();
  await little.end();
});

test("[C1] the page follows what changes, keeps the place of who reads, and waits for who has paused it", async () => {
  await show("/acme/people/bob", "Bob Bergström");
  const given = page.getByText("bob-deployer");
  assert.equal(await given.count(), 0);
  await page.getByRole("link", { name: "acme/research" }).first().focus();
  kubectl("create", "-f", "assignment.yaml");
  await given.first().waitFor();
  await page.getByText("not in the store yet").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "acme/research");

  const pause = page.getByRole("button", { name: "Pause updates" });
  await pause.click();
  const told = page.waitForFunction(() => globalThis.document.body.dataset.waiting);
  kubectl("delete", "-f", "assignment.yaml");
  await told;
  assert.notEqual(await given.count(), 0);
  await pause.click();
  await given.first().waitFor({ state: "detached" });
  assert.deepEqual(page.complaints, []);
});

test("[C1] tabs that nobody looks at leave the others their connections", async () => {
  const tabs = [];
  for (let n = 0; n < 7; n++) { // one more than a browser has connections to a server
    const tab = await page.context().newPage();
    tabs.push(tab);
    await tab.goto(new URL("/acme/roles", site.url).href);
    await tab.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
  }
  await show("/acme/people", "People");
  await Promise.all(tabs.map((tab) => tab.close()));
});

test("[C1] who may decide about requests does, and who may not is told so", async () => {
  kubectl("create", "-f", "policy.yaml");
  // Bob may ask as soon as the operator knows that.
  await eventually(() => kubectl("apply", "-f", "requests.yaml", "--as=bob@acme.example", "--as-group=system:masters"));
  await show("/acme/requests/bob-deploys", "Request bob-deploys");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("you may not decide").waitFor();
  page.complaints = []; // the browser's, of the refusal
  await wellMade(page);

  const deciding = await serve(ALICE);
  const alice = await open(browser, deciding);
  await alice.goto(new URL("/acme/requests", deciding.url).href);
  await alice.getByText("Brings the new recognizer into production.").waitFor();
  await wellMade(alice);
  await picture(alice, "requests");
  const decide = async (request, verdict, comment) => {
    await alice.goto(new URL(`/acme/requests/${request}`, deciding.url).href);
    await alice.getByLabel("Comment").fill(comment);
    await wellMade(alice);
    const answered = alice.waitForResponse((response) => response.request().method() === "POST");
    // Whatever changes meanwhile: the button is held for as long as people do.
    await alice.getByRole("button", { name: verdict }).click({ delay: 300 });
    assert.equal((await answered).status(), 303);
    const [made] = JSON.parse(kubectl("get", "accessdecisions", "--output=json")).items.filter((decision) => decision.spec.requestRef.name === request);
    assert.deepEqual([made.spec.verdict, made.spec.comment, made.spec.decider], [verdict, comment, "alice@acme.example"]);
  };
  await decide("bob-deploys", "Approve", "Until the release is out.");
  await decide("bob-deletes", "Deny", "Not in production.");
  await alice.context().close();
  await deciding.end();
});

test("[C1] the API server goes away and comes back, and then the command ends", async () => {
  const between = await proxy();
  const elsewhere = await serve(VIEWER, `--server=${between.url}`);
  const reader = await open(browser, elsewhere);
  await reader.goto(new URL("/acme/people", elsewhere.url).href);
  await reader.getByText("Carol Castillo").waitFor();
  const away = reader.getByText("The API server does not answer");
  between.take();
  await away.waitFor();
  await reader.getByText("Carol Castillo").waitFor();
  await wellMade(reader);
  kubectl("create", "-f", "user.yaml");
  await between.giveBack();
  await reader.getByText("Erin Eriksson").waitFor();
  await away.waitFor({ state: "detached" });
  kubectl("delete", "-f", "user.yaml");
  await reader.getByText("Erin Eriksson").waitFor({ state: "detached" });

  assert.equal(await reader.getByText("kubectl authz ui has ended").isVisible(), false);
  await elsewhere.end();
  await reader.getByText("kubectl authz ui has ended").waitFor();
  await reader.context().close();
  between.take();
});
