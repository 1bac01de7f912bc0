// A conversation as it goes on: shows what comes behind what the page has, and sends without loading the page again.
// Without this script the page is loaded again to see what came.
(() => {
  "use strict";
  const talk = document.querySelector("[data-live]");
  if (!talk || !window.EventSource) return;
  let reached = Number(talk.dataset.after);
  let source = null;
  const says = (word, isSaid) => {
    for (const one of document.querySelectorAll(`[data-says="${word}"]`)) one.hidden = !isSaid;
  };

  const show = (event) => {
    const version = Number(event.lastEventId);
    // What came twice is shown once.
    if (version <= reached) return;
    reached = version;
    talk.insertAdjacentHTML("beforeend", event.data);
    talk.lastElementChild.scrollIntoView({ block: "nearest" });
  };

  const listen = () => {
    source = new EventSource(`${talk.dataset.live}?after=${reached}`);
    source.addEventListener("open", () => says("lost", false));
    source.addEventListener("entry", show);
    source.addEventListener("presence", (event) => {
      says("here", event.data === "here");
      says("away", event.data !== "here");
    });
    source.addEventListener("over", () => {
      source.close();
      says("over", true);
    });
    source.addEventListener("error", () => {
      says("lost", true);
      // Refused, and not only cut: the browser would not come again by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
    });
  };

  for (const form of document.querySelectorAll("form[data-talk]")) {
    const box = form.elements.text;
    form.addEventListener("submit", async (event) => {
      const file = form.elements.scan;
      const then = form.elements.then;
      // A file, and what ends the conversation, goes as any form does: its page says what became of it.
      if ((file && file.files.length) || (then && then.value === "close")) return;
      event.preventDefault();
      if (!box.value.trim()) return void box.focus();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      try {
        const sent = new URLSearchParams(new FormData(form));
        sent.delete("scan");
        const answer = await fetch(form.action, { method: "POST", body: sent, redirect: "manual" });
        if (answer.type !== "opaqueredirect") return void form.submit();
        box.value = "";
        form.elements.message_id.value = crypto.randomUUID();
        box.focus();
      } catch {
        // Nothing is lost: the words stay, and the same message twice is one.
        says("lost", true);
      } finally {
        button.disabled = false;
      }
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }
  listen();
})();
