// Reads the page again when the server says that something happened. Without it the pages work by
// a plain reload. What somebody is typing is never taken away: then a bar offers the reload.
"use strict";
(() => {
  const live = () => document.getElementById("live");
  const news = document.getElementById("news");
  if (!live() || !news || !window.EventSource) return;

  const typing = () => {
    const page = live();
    const fields = page.querySelectorAll("input:not([type=hidden]), textarea, select");
    const changed = (field) =>
      field.tagName === "SELECT"
        ? [...field.options].some((option) => option.selected !== option.defaultSelected) &&
          [...field.options].some((option) => option.defaultSelected)
        : field.value !== field.defaultValue;
    const active = document.activeElement;
    const writes = active && page.contains(active) && active.matches("input, textarea, select");
    return writes || [...fields].some(changed) || page.querySelector(".problem") !== null;
  };

  let reading = false;
  let again = false;
  const read = async () => {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const answer = await fetch(live().dataset.url, { headers: { "x-fieldbook-live": "1" } });
      if (answer.redirected || !answer.ok) {
        // The session has ended, or the server is away: what stands here may be old.
        news.hidden = false;
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("live");
      if (!next || next.dataset.version === live().dataset.version) return;
      if (typing()) {
        news.hidden = false;
        return;
      }
      const focus = document.activeElement && document.activeElement.id;
      const open = [...live().querySelectorAll("details[open]")].length > 0;
      live().replaceWith(document.adoptNode(next));
      news.hidden = true;
      if (open) live().querySelectorAll("details").forEach((part) => (part.open = true));
      if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
    } catch {
      // The next event, or the next connection, tries again.
    } finally {
      reading = false;
      if (again) {
        again = false;
        // A large push tells of itself many times: one reading a second is enough.
        setTimeout(read, 1000);
      }
    }
  };

  news.querySelector("button").addEventListener("click", () => {
    window.location.assign(live().dataset.url);
  });
  let events = null;
  let retry = 0;
  const listen = () => {
    clearTimeout(retry);
    if (events && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource("/v1/poke");
    events.addEventListener("poke", read);
    // What happened while there was no connection was not told.
    events.addEventListener("open", read);
    events.addEventListener("error", () => {
      // A browser tries again by itself after a cut line, never after an answer that says no.
      if (events.readyState !== EventSource.CLOSED) return;
      read();
      clearTimeout(retry);
      retry = setTimeout(listen, 15000);
    });
  };
  listen();
})();
