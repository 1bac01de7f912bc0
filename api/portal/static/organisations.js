// An organisation is checked against the registry while it is typed. Without this file the answer comes with «Сохранить».
"use strict";

for (const form of document.querySelectorAll("form[data-check]")) {
  let timer = 0;
  let asked = 0;

  const say = (field, text) => {
    const line = form.querySelector(`[data-said="${field}"]`);
    line.textContent = text;
    line.hidden = text === "";
  };

  const check = async () => {
    const mine = ++asked;
    const answer = await fetch(form.dataset.check, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      credentials: "same-origin",
    });
    // An answer that was overtaken, or none: nothing is better than something wrong.
    if (mine !== asked || !answer.ok) return;
    const found = await answer.json();
    for (const field of ["name", "inn", "ogrn", "kind", "department", "form"]) {
      const error = found.errors[field];
      say(field, error ? [error.text, error.advice].filter(Boolean).join(" ") : "");
    }
    if (found.is_confirmed) say("form", [found.name, found.note].filter(Boolean).join(". "));
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => check().catch(() => {}), 400);
  });
}
