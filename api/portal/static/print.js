// «Печать»: the browser's own dialog, with its copies, orientation and scale. Without script the words beside it say how.
const button = document.getElementById("print");
const hint = document.getElementById("print-hint");
if (button) {
  button.hidden = false;
  hint?.setAttribute("hidden", "");
  button.addEventListener("click", () => window.print());
}
