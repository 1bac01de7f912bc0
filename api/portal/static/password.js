// How strong a password is, said while it is typed. Without this file the answer comes when the form is sent.
"use strict";

for (const part of document.querySelectorAll("[data-estimate]")) {
  const input = part.querySelector("input");
  const line = part.querySelector("[data-strength]");
  const phone = input.form.elements.namedItem("phone");
  let timer = 0;
  let asked = 0;

  const estimate = async () => {
    const mine = ++asked;
    const body = new URLSearchParams({ password: input.value, phone: phone ? phone.value : "" });
    const answer = await fetch(part.dataset.estimate, { method: "POST", body, credentials: "same-origin" });
    // An answer that was overtaken, or none: nothing is better than something wrong.
    if (mine !== asked) return;
    line.hidden = !answer.ok || input.value === "";
    if (line.hidden) return;
    const found = await answer.json();
    line.querySelector("meter").value = found.score;
    line.querySelector("[role=status]").textContent = [found.text, found.advice].filter(Boolean).join(". ");
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => estimate().catch(() => { line.hidden = true; }), 400);
  };
  input.addEventListener("input", later);
}
