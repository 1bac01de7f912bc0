// Passkeys: the form of a passkey asks the server what to sign, lets the device sign it, and is then posted
// like any other form. Without this script, or without a passkey, every other way in stays open.
(() => {
  "use strict";
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const keys = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const added = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: keys(options.excludeCredentials),
      },
    });
    return {
      ...named(made),
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const shown = async (options) => {
    const found = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: keys(options.allowCredentials),
      },
    });
    return {
      ...named(found),
      response: {
        clientDataJSON: text(found.response.clientDataJSON),
        authenticatorData: text(found.response.authenticatorData),
        signature: text(found.response.signature),
        userHandle: found.response.userHandle ? text(found.response.userHandle) : null,
      },
    };
  };

  const named = (credential) => ({ id: credential.id, rawId: text(credential.rawId), type: credential.type });

  const prove = async (form) => {
    const fields = new URLSearchParams({ csrf: form.elements.csrf.value });
    const answer = await fetch(form.dataset.options, { method: "POST", body: fields, redirect: "error" });
    if (!answer.ok) throw new Error("options");
    const options = await answer.json();
    return form.dataset.passkey === "create" ? added(options) : shown(options);
  };

  // A passkey belongs to a name; browsers make none for an address of numbers.
  const hasName = !/^[\d.]+$|^\[/.test(location.hostname);
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const nameless = form.querySelector("[data-nameless]");
    if (!hasName && nameless) {
      nameless.hidden = false;
      form.querySelector("button[type=submit]").disabled = true;
    }
    if (!hasName || !window.PublicKeyCredential) continue;
    form.hidden = false;
    const section = form.closest("[data-passkey-only]");
    if (section) section.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      const complaint = form.querySelector("[role=alert]");
      button.disabled = true;
      complaint.hidden = true;
      try {
        form.elements.credential.value = JSON.stringify(await prove(form));
        form.submit();
      } catch {
        complaint.hidden = false;
        button.disabled = false;
      }
    });
  }
})();
