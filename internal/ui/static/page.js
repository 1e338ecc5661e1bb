"use strict";
// Keeps the page as it would be if it were loaded again. Nothing moves while somebody writes, has written what is not sent,
// or holds a button down, or is told why something was refused, or has paused it.

const pause = document.getElementById("pause");
const parts = ["notices", "main", "now"];

const paused = () => pause.getAttribute("aria-pressed") === "true";
let pressed = false;
const unsent = () => [...document.querySelectorAll("main :is(input, textarea)")].some((field) => field.value !== field.defaultValue);
const writing = () => pressed || unsent() || document.activeElement?.matches("main :is(input, textarea, select)") || document.querySelector("main [role=alert]");

// pathTo finds an element again in another version of the page.
function pathTo(element) {
  const path = [];
  for (; element.id !== "main"; element = element.parentElement) {
    path.unshift([...element.parentElement.children].indexOf(element));
  }
  return path;
}

function replace(id, next) {
  const old = document.getElementById(id);
  if (old.isEqualNode(next)) return;
  const focused = old !== document.activeElement && old.contains(document.activeElement) ? document.activeElement : null;
  const path = focused && pathTo(focused);
  const scrolled = [...old.querySelectorAll(".wide")].map((region) => region.scrollLeft);
  old.replaceChildren(...next.childNodes);
  old.querySelectorAll(".wide").forEach((region, n) => { region.scrollLeft = scrolled[n] ?? 0; });
  if (!path) return;
  const same = [...old.querySelectorAll("a[href], button, [tabindex]")].find((other) => other.isEqualNode(focused));
  (same ?? path.reduce((element, n) => element?.children[n], old) ?? old).focus({ preventScroll: true });
}

async function update() {
  document.body.dataset.waiting = "yes";
  if (paused() || writing()) return;
  const answer = await fetch(location.href);
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!next.getElementById("main") || paused() || writing()) return;
  delete document.body.dataset.waiting;
  for (const id of parts) replace(id, next.getElementById(id));
}

pause.addEventListener("click", () => {
  pause.setAttribute("aria-pressed", String(!paused()));
  if (document.body.dataset.waiting) update();
});
const resume = () => setTimeout(() => { if (document.body.dataset.waiting) update(); });
document.addEventListener("focusout", resume);
// A button that is replaced between the press and the release is not clicked.
document.addEventListener("pointerdown", () => { pressed = true; });
for (const over of ["pointerup", "pointercancel"]) {
  document.addEventListener(over, () => setTimeout(() => { pressed = false; resume(); }));
}

// A browser has six connections to one server, for all tabs: those that nobody looks at have none.
let events;
const ended = document.getElementById("ended");
function follow() {
  events?.close();
  if (document.hidden) return;
  events = new EventSource("/events");
  events.addEventListener("open", () => { ended.hidden = true; });
  events.addEventListener("error", () => { ended.hidden = false; });
  events.addEventListener("message", () => { update().catch(() => { ended.hidden = false; }); });
}
document.addEventListener("visibilitychange", follow);
follow();
