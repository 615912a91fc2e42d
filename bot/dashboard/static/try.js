// Answers as they are written. Without this the form is sent as any other, and the page comes back with the answers.
// What a model says only ever becomes text.
"use strict";

const form = document.getElementById("try");

// [badge's look, badge's words] by stage
const LOOKS = { waiting: ["", "waits"], writing: ["badge-accent", "writes"], done: ["badge-good", "done"], failed: ["badge-bad", "no answer"], stopped: ["badge-wait", "stopped"] };

function column(key, heading) {
  const made = document.getElementById("column").content.cloneNode(true).firstElementChild;
  const title = made.querySelector("h2");
  made.dataset.key = key;
  title.id = "who-" + key;
  title.textContent = heading;
  made.setAttribute("aria-labelledby", title.id);
  made.querySelector(".text").setAttribute("aria-label", "Answer: " + heading);
  return made;
}

function staged(section, stage, words) {
  const [look, said] = LOOKS[stage] || LOOKS.waiting;
  const badge = document.createElement("span");
  badge.className = "badge " + look;
  badge.textContent = said;
  const more = stage === "failed" || (stage === "done" && words !== "done") ? " " + words : "";
  section.querySelector(".stage").replaceChildren(badge, document.createTextNode(more));
  section.querySelector(".text").setAttribute("aria-busy", String(stage === "writing"));
}

function problem(words) {
  const shown = document.getElementById("problem");
  shown.textContent = words;
  shown.hidden = !words;
}

function takes(name, data) {
  const answers = document.getElementById("answers");
  const section = data.key ? answers.querySelector(`[data-key="${CSS.escape(data.key)}"]`) : null;
  if (name === "asked") {
    answers.replaceChildren(...data.map((one) => column(one.key, one.heading)));
  } else if (name === "text" && section) {
    const text = section.querySelector(".text");
    const isAtEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
    text.append(document.createTextNode(data.text));
    if (isAtEnd) text.scrollTop = text.scrollHeight;
  } else if (name === "stage" && section) {
    staged(section, data.stage, data.words);
    const is_over = data.stage === "done" || data.stage === "failed";
    if (is_over) document.getElementById("news").textContent = section.querySelector("h2").textContent + ": " + data.words;
  } else if (name === "refused") {
    problem(data.words);
  }
  return name === "over" || name === "refused";
}

async function reads(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  let is_over = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return is_over;
    const events = (pending + value).split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const [name, data] = event.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
      is_over = takes(name, JSON.parse(data)) || is_over;
    }
  }
}

async function asks(stop) {
  const headers = { Accept: "text/event-stream" };
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers, credentials: "same-origin", signal: stop.signal });
  if ((answer.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
    if (!(await reads(answer))) problem("The connection was lost before all had answered. Ask again.");
    return;
  }
  const told = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  problem(told ? told.innerText.trim().replace(/\s+/g, " ") : "The bot did not take this question. Load the page again.");
}

function unfinished() {
  return [...document.querySelectorAll(".answer")].filter((one) => one.querySelector(".badge:not(.badge-good):not(.badge-bad)"));
}

function starts() {
  const ask = document.getElementById("ask");
  const stop = document.getElementById("stop");
  const question = document.getElementById("question");
  let under_way = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (under_way) return;
    under_way = new AbortController();
    problem("");
    ask.disabled = true;
    stop.hidden = false;
    try {
      await asks(under_way);
    } catch (error) {
      if (error.name !== "AbortError") problem("The bot cannot be reached just now. Ask again in a minute.");
      for (const section of unfinished()) staged(section, error.name === "AbortError" ? "stopped" : "failed", "It broke off.");
    }
    under_way = null;
    ask.disabled = false;
    stop.hidden = true;
    question.focus();
  });
  stop.addEventListener("click", () => under_way && under_way.abort());
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

if (form) starts();
