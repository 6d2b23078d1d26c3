// The page without this file is whole; with it, what is shown is renewed every few seconds while it is looked at.
(() => {
  "use strict";
  const SECONDS = Number(document.body.dataset.refresh) || 5;
  const PATIENCE_MS = 15000;
  const page = document.getElementById("page");
  const live = document.getElementById("live");
  const asOf = document.getElementById("as-of");
  let paused = false;
  let lost = false;
  let asking = false;
  let shown = page.innerHTML;

  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Pause updates";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume updates" : "Pause updates";
    if (!paused) renew();
  });
  document.getElementById("again").after(" ", button);

  // Said on edges alone: a voice that speaks every few seconds helps nobody.
  const say = (text) => { if (live.textContent !== text) live.textContent = text; };

  // Nothing is taken from under somebody's hands: a field being filled, a text being marked, a form that was begun.
  const isBusy = () => {
    const at = document.activeElement;
    if (at && page.contains(at) && at.matches("input, select, textarea")) return true;
    if (page.querySelector("input[type=radio]:checked")) return true;
    const marked = document.getSelection();
    return Boolean(marked && !marked.isCollapsed && page.contains(marked.anchorNode));
  };

  const nameOf = (element) => element.id ? `#${CSS.escape(element.id)}` : element.tagName === "A" ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : "";

  const put = (fresh) => {
    const open = [...page.querySelectorAll("details[open][id]")].map((each) => each.id);
    const aside = [...page.querySelectorAll(".wide[id]")].map((each) => [each.id, each.scrollLeft]);
    const at = document.activeElement && page.contains(document.activeElement) && document.activeElement !== page ? nameOf(document.activeElement) : "";
    page.replaceChildren(...fresh.childNodes);
    for (const id of open) { const each = document.getElementById(id); if (each) each.open = true; }
    for (const [id, left] of aside) { const each = document.getElementById(id); if (each) each.scrollLeft = left; }
    if (at) page.querySelector(at)?.focus({ preventScroll: true });
  };

  const renew = async () => {
    if (asking || paused || document.hidden || isBusy()) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.status === 401) { say("The session has ended: refresh to log in."); paused = true; return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = fresh.getElementById("page");
      if (!main || isBusy() || paused) return;
      if (main.innerHTML !== shown) { shown = main.innerHTML; put(main); }
      const then = fresh.getElementById("as-of");
      if (then) { asOf.textContent = then.textContent; asOf.dateTime = then.dateTime; }
      if (lost) say("It answers again.");
      lost = false;
    } catch {
      if (!lost) say("It doesn’t answer; this is what was.");
      lost = true;
    } finally {
      asking = false;
    }
  };

  setInterval(renew, SECONDS * 1000);
  document.addEventListener("visibilitychange", renew);
})();
