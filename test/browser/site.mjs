// What the tests share: kubectl authz ui as a process, a browser, and what holds for every page.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import axe from "axe-core";
import { chromium } from "playwright-core";

export const { ADMIN, ALICE, VIEWER, GUEST, PICTURES } = process.env;

export const kubectl = (...words) => execFileSync(process.env.KUBECTL, [`--kubeconfig=${ADMIN}`, "--namespace=acme", ...words], { encoding: "utf8" });

// eventually does something as soon as it succeeds.
export async function eventually(act) {
  for (const until = Date.now() + 20_000; ;) {
    try {
      return act();
    } catch (failed) {
      if (Date.now() > until) throw failed;
      await setTimeout(200);
    }
  }
}

export const browse = () => chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

// serve starts kubectl authz ui, and returns the first URL and how to end it: as when whoever started it is gone.
export async function serve(kubeconfig, ...flags) {
  const authz = spawn(process.env.AUTHZ, ["ui", "--port=0", "--namespace=acme", `--kubeconfig=${kubeconfig}`, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(authz, "exit");
  const [line] = await Promise.race([once(createInterface(authz.stdout), "line"), ended.then(() => assert.fail("kubectl authz ui has ended"))]);
  const end = async () => {
    authz.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  };
  return { url: line.match(/http\S+/)[0], end };
}

// open opens the first URL in a browser of its own. Whatever the page or the policy complains of fails the test.
export async function open(browser, site, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "UTC", ...options });
  context.setDefaultTimeout(120_000); // a watch that was cut off waits up to half a minute before it tries again
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") page.complaints.push(message.text()); });
  await page.goto(site.url);
  await page.waitForFunction(() => !document.body.textContent.includes("This is not all yet."));
  return page;
}

// wellMade holds a page against what holds for all: accessible in light and dark, and at 400 % nothing to scroll sideways.
export async function wellMade(page) {
  await page.evaluate(axe.source);
  for (const [colorScheme, rules] of [["light", {}], ["dark", { runOnly: ["color-contrast"] }]]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { resultTypes: ["violations"], ...rules }), rules);
    const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join("; ")}`);
    assert.deepEqual(found, [], `${page.url()} in ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 256 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 320, `${page.url()} is ${wide} pixels wide at 400 %`);
  await page.setViewportSize(size);
  assert.equal(await page.locator("h1").count(), 1);
  assert.deepEqual(page.complaints, []);
}

// proxy stands between a reader and the API server, and can be taken away.
export async function proxy(kubeconfig) {
  const at = new URL(kubectl("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"));
  const open = new Set();
  const server = net.createServer((from) => {
    const to = net.connect(at.port, at.hostname);
    for (const socket of [from, to]) {
      open.add(socket);
      socket.on("error", () => {}).on("close", () => { open.delete(socket); from.destroy(); to.destroy(); });
    }
    from.pipe(to).pipe(from);
  });
  const listen = (port) => new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address();
  return {
    url: `https://127.0.0.1:${port}`,
    take() {
      server.close();
      for (const socket of open) socket.destroy();
    },
    giveBack: () => listen(port),
  };
}
