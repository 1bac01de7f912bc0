// Push notifications: asks the browser where it can be told, puts that into the form, and posts it like any other.
// Without this script nothing can be turned on, and everything that is on can be turned off.
(() => {
  "use strict";
  const section = document.querySelector("[data-push]");
  const say = (word) => {
    for (const one of document.querySelectorAll("[data-push-says]")) one.hidden = one.dataset.pushSays !== word;
  };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const registered = async () => (await navigator.serviceWorker.getRegistration("/")) || null;
  const current = async () => {
    const registration = await registered();
    return registration && registration.pushManager.getSubscription();
  };
  const digest = async (endpoint) => text(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint)));

  const subscribed = async (key) => {
    await navigator.serviceWorker.register("/sw.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const known = await pushManager.getSubscription();
    // Under another key of ours it would take nothing from us any more.
    if (known && known.options.applicationServerKey && text(known.options.applicationServerKey) === key) return known;
    if (known) await known.unsubscribe();
    return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  };

  const turnOn = async (form) => {
    const permission = await Notification.requestPermission();
    if (permission !== "granted") {
      say(permission === "denied" ? "denied" : "dismissed");
      form.hidden = permission === "denied";
      return;
    }
    const { endpoint, keys } = (await subscribed(section.dataset.serverKey)).toJSON();
    form.elements.endpoint.value = endpoint;
    form.elements.p256dh.value = keys.p256dh;
    form.elements.auth.value = keys.auth;
    form.submit();
  };

  const offer = async () => {
    say(null);
    const subscription = await current();
    const mine = subscription && (await digest(subscription.endpoint));
    const row = mine && document.querySelector(`[data-push-browser="${mine}"]`);
    if (row) {
      row.querySelector("[data-push-this]").hidden = false;
      row.querySelector("form").addEventListener("submit", () => void subscription.unsubscribe().catch(() => {}));
    }
    if (Notification.permission === "denied" || row) {
      say(Notification.permission === "denied" ? "denied" : "on");
      return;
    }
    if (!section) return;
    const form = section.querySelector("form");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      say(null);
      try {
        await turnOn(form);
      } catch {
        say("failed");
      }
      button.disabled = false;
    });
  };

  if ("serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
    offer().catch(() => say("failed"));
  } else {
    // Only iOS has `standalone`; there a page of the Home Screen can, and a tab can't.
    say(navigator.standalone === false ? "ios" : "unsupported");
  }
})();
