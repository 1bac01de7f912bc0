// Waits for the answer of the other device, and goes on by itself. Without this file the page reloads itself.
"use strict";

const form = document.querySelector('form[action="/sign-in/second-device/enter"]');
const ask = async () => {
  const answer = await fetch("/sign-in/second-device/state", { credentials: "same-origin" });
  const { state } = await answer.json();
  if (state === "confirmed") form.submit();
  else if (state === "waiting") setTimeout(again, 2000);
  else location.reload();
};
const again = () => ask().catch(() => setTimeout(again, 5000));
if (form) setTimeout(again, 1000);
