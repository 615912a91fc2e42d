// What a page does beyond showing itself: parts that change are asked for again, and logs grow. Without it, all works
// by loading the page again. Text from outside only ever becomes text, never HTML of ours, except parts of our own pages.
"use strict";

// <section data-live="5" id="jobs">: every five seconds the page is asked for again, and this part of it takes its place
function refreshes() {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  if (!parts.length) return;
  const pauseS = Math.max(2, Math.min(...parts.map((part) => Number(part.dataset.live) || 10)));
  let tag = "";
  const refresh = async () => {
    if (!document.hidden) {
      try {
        const headers = tag ? { "If-None-Match": tag } : {};
        const answer = await fetch(location.href, { headers, credentials: "same-origin", cache: "no-store" });
        if (answer.status === 200) {
          tag = answer.headers.get("ETag") || "";
          replaces(new DOMParser().parseFromString(await answer.text(), "text/html"));
        }
      } catch (error) {
        // the bot restarts, or the network is away: the next look finds out
      }
    }
    setTimeout(refresh, pauseS * 1000);
  };
  setTimeout(refresh, pauseS * 1000);
}

function replaces(fresh) {
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const newer = fresh.getElementById(part.id);
    const isInUse = part.contains(document.activeElement) || part.querySelector("details[open]");
    if (newer && !isInUse && newer.innerHTML !== part.innerHTML) part.replaceWith(document.importNode(newer, true));
  }
}

// <pre data-log="/…/log/stream">: lines are added as they come; who reads further up is left there
function logs() {
  for (const shown of document.querySelectorAll("[data-log]")) {
    const source = new EventSource(shown.dataset.log);
    source.addEventListener("lines", (event) => {
      const isAtEnd = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 40;
      shown.append(document.createTextNode(JSON.parse(event.data)));
      if (isAtEnd) shown.scrollTop = shown.scrollHeight;
    });
    source.addEventListener("over", () => {
      source.close();
      document.dispatchEvent(new CustomEvent("log-over"));
    });
    shown.scrollTop = shown.scrollHeight;
  }
}

refreshes();
logs();
