// Copies a link by one click, where the browser lets it; the field can be selected by hand without it.
(() => {
  "use strict";
  const field = document.querySelector("[data-copy]");
  const button = document.querySelector("[data-copy-button]");
  if (!field || !button || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      return;
    }
    button.textContent = button.dataset.done;
    document.querySelector("[data-copy-says]").textContent = button.dataset.done;
  });
})();
