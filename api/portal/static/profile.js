// Tells what is wrong with a field when it is left, by the rules of the server; without it the form does so as a whole.
"use strict";

const form = document.querySelector("form[data-check]");

/** The place of a field on the page, with the line for what is wrong. */
function wrapped(control) {
  return control.closest(".field");
}

/** The same picture as the server's templates put there. */
function icon(name) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ class: "icon", width: 20, height: 20, "aria-hidden": true })) {
    drawn.setAttribute(key, value);
  }
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  drawn.append(use);
  return drawn;
}

function describe(control, name, isWrong) {
  const target = control.type === "radio" ? wrapped(control) : control;
  const described = [`${name}-hint`, `${name}-error`].filter((id) => document.getElementById(id));
  if (described.length > 0) {
    target.setAttribute("aria-describedby", described.join(" "));
  } else {
    target.removeAttribute("aria-describedby");
  }
  if (control.type !== "radio") {
    if (isWrong) {
      control.setAttribute("aria-invalid", "true");
    } else {
      control.removeAttribute("aria-invalid");
    }
  }
}

function show(control, found) {
  const field = wrapped(control);
  const name = control.name;
  document.getElementById(`${name}-error`)?.remove();
  document.getElementById(`${name}-kept`)?.remove();
  field.classList.toggle("field-wrong", Boolean(found.error));
  if (found.error) {
    const line = document.createElement("p");
    line.className = "error";
    line.id = `${name}-error`;
    line.setAttribute("role", "status");
    const title = document.createElement("strong");
    title.textContent = found.error.text;
    const words = document.createElement("span");
    words.append(title, ` ${found.error.advice}`);
    line.append(icon("alert"), words);
    const before = control.type === "radio" ? field.querySelector(".choices") : control;
    before.before(line);
  } else if (found.text && control.type !== "radio" && control.tagName === "INPUT" && found.text !== control.value) {
    const line = document.createElement("p");
    line.className = "hint";
    line.id = `${name}-kept`;
    line.setAttribute("role", "status");
    line.textContent = `${form.dataset.kept} ${found.text}`;
    control.after(line);
  }
  describe(control, name, Boolean(found.error));
}

async function check(control) {
  const body = new URLSearchParams(new FormData(form));
  body.set("check", control.name);
  const value = control.value;
  let found;
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body, redirect: "error" });
    if (!answer.ok) {
      return;
    }
    found = await answer.json();
  } catch {
    return;
  }
  // What was asked about may have been typed over since.
  if (control.value === value) {
    show(control, found);
  }
}

form?.addEventListener("change", (event) => {
  if (event.target.name && event.target.name !== "csrf") {
    check(event.target);
  }
});
