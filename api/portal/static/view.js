// The viewer of a SMART Health Link: asks for the files behind it and decrypts them here, in the browser. The key
// stands behind the # of the address and never goes to a server. All text is put in as text.
(() => {
  "use strict";
  const root = document.querySelector("[data-viewer]");
  const lang = document.documentElement.lang;
  const words = document.querySelector("template[data-words]").content;
  const say = (key) => words.querySelector(`[data-word="${CSS.escape(key)}"]`)?.textContent ?? key;
  const status = root.querySelector("[data-view-says]");
  const form = root.querySelector("[data-view-form]");

  const show = (name) => {
    for (const one of root.querySelectorAll("[data-view]")) one.hidden = one.dataset.view !== name;
    if (name !== "form") root.querySelector(`[data-view="${name}"] h1`).focus();
  };

  // The link

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const utf8 = (array) => new TextDecoder("utf-8", { fatal: true }).decode(array);

  const payloadOf = (hash) => {
    const at = hash.indexOf("shlink:/");
    if (at < 0) return null;
    try {
      const payload = JSON.parse(utf8(bytes(decodeURIComponent(hash.slice(at + "shlink:/".length)))));
      const isWhole = typeof payload.url === "string" && typeof payload.key === "string" && payload.key.length === 43;
      return isWhole ? payload : null;
    } catch {
      return null;
    }
  };

  // Files

  const inflated = async (packed) => {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const decrypted = async (jwe, secret) => {
    const [head, , iv, body, tag] = jwe.trim().split(".");
    const header = JSON.parse(utf8(bytes(head)));
    if (header.alg !== "dir" || header.enc !== "A256GCM") throw new Error("jwe");
    const key = await crypto.subtle.importKey("raw", bytes(secret), "AES-GCM", false, ["decrypt"]);
    const sealed = new Uint8Array([...bytes(body), ...bytes(tag)]);
    const additionalData = new TextEncoder().encode(head);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(iv), additionalData }, key, sealed);
    return utf8(header.zip === "DEF" ? await inflated(plain) : new Uint8Array(plain));
  };

  // Numbers are kept as they are written: 72.50 is not 72.5 in a laboratory.
  const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const parsed = (text) => JSON.parse(text.replace(TOKENS, (token) => (token[0] === '"' ? token : `"${token}"`)));

  const ask = async (payload, recipient, passcode) => {
    const options = { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" };
    const body = JSON.stringify(passcode ? { recipient, passcode } : { recipient });
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(payload.url, { ...options, method: "POST", headers, body });
    if (!answer.ok) {
      const told = answer.status === 401 ? await answer.json() : {};
      return { status: answer.status, left: told.remainingAttempts };
    }
    const found = [];
    for (const file of (await answer.json()).files) {
      const jwe = file.embedded ?? (await (await fetch(file.location, options)).text());
      found.push({ bundle: parsed(await decrypted(jwe, payload.key)), version: file._version });
    }
    return { status: 200, files: found };
  };

  // How FHIR is shown

  const first = (list) => (Array.isArray(list) && list.length ? list[0] : undefined);
  const named = (concept) =>
    concept && (concept.text || first(concept.coding)?.display || first(concept.coding)?.code || "");
  const decimal = (text) => (lang === "ru" && /^[+-]?\d+\.\d+$/.test(text) ? text.replace(".", ",") : text);
  const amount = (quantity) =>
    quantity ? [quantity.comparator, decimal(quantity.value ?? ""), quantity.unit].filter(Boolean).join(" ") : "";

  const day = (text) => {
    if (!text) return "";
    const isWhole = /^\d{4}-\d\d-\d\d/.test(text);
    const moment = new Date(text.length === 10 ? `${text}T12:00:00` : text);
    if (!isWhole || Number.isNaN(moment.getTime())) return text;
    const shape = text.length === 10 ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
    return new Intl.DateTimeFormat(lang, shape).format(moment);
  };

  const valueOf = (one) => {
    if (one.valueQuantity) {
      const { comparator, value } = one.valueQuantity;
      return [comparator, decimal(value ?? "")].filter(Boolean).join(" ");
    }
    if (one.valueCodeableConcept) return named(one.valueCodeableConcept);
    if (one.valueRange) return `${amount(one.valueRange.low)}–${amount(one.valueRange.high)}`;
    if (one.valueRatio) return `${amount(one.valueRatio.numerator)} : ${amount(one.valueRatio.denominator)}`;
    if (one.valuePeriod) return `${day(one.valuePeriod.start)} – ${day(one.valuePeriod.end)}`;
    if (one.valueBoolean !== undefined) return say(one.valueBoolean ? "yes" : "no");
    return decimal(one.valueString ?? one.valueInteger ?? one.valueTime ?? day(one.valueDateTime) ?? "");
  };

  const rangeOf = (one) => {
    const range = first(one.referenceRange);
    if (!range) return "";
    const low = range.low?.value && decimal(range.low.value);
    const high = range.high?.value && decimal(range.high.value);
    if (low && high) return `${low}–${high}`;
    if (low) return `≥ ${low}`;
    return high ? `≤ ${high}` : range.text ?? "";
  };

  // What the laboratory said of the value; where it said nothing, what follows from its own range.
  const flagOf = (one) => {
    const codings = (one.interpretation ?? []).flatMap((concept) => concept.coding ?? []);
    const codes = codings.flatMap(({ code }) => code ? [code.toUpperCase()] : []);
    const flags = codes.map((code) => words.querySelector(`[data-flag-code="${CSS.escape(code)}"]`)?.textContent);
    if (codes.length) return flags.find(Boolean); // it may be said in another code system too, and before
    const range = first(one.referenceRange);
    const { value, comparator } = one.valueQuantity ?? {};
    if (value === undefined || comparator || !(range?.low?.value || range?.high?.value)) return undefined;
    if (range.low?.value && Number(value) < Number(range.low.value)) return "low";
    return range.high?.value && Number(value) > Number(range.high.value) ? "high" : "normal";
  };

  const fill = (element, key, text) => {
    const place = element.querySelector(`[data-of="${key}"]`);
    place.textContent = text || "";
    return place;
  };

  const row = (one, depth) => {
    const made = document.querySelector("template[data-row]").content.cloneNode(true);
    const line = made.querySelector("tr");
    line.querySelector("th").classList.add(`depth-${Math.min(depth, 3)}`);
    fill(line, "name", named(one.code) || "—");
    fill(line, "remark", (one.note ?? []).map((note) => note.text).join("\n")).hidden = !one.note;
    fill(line, "value", valueOf(one) || named(one.dataAbsentReason));
    fill(line, "unit", one.valueQuantity?.unit ?? one.valueQuantity?.code);
    fill(line, "range", rangeOf(one));
    const flag = flagOf(one);
    if (flag) {
      const mark = document.querySelector(`template[data-flag="${flag}"]`).content.cloneNode(true);
      line.classList.add(`row-${flag.startsWith("critical") ? "critical" : flag}`);
      fill(line, "mark", "").append(mark);
    }
    if (one.status === "entered-in-error") line.classList.add("row-void");
    return made;
  };

  const rows = function* (reference, resources, depth, seen) {
    const one = resources.get(reference);
    if (!one || seen.has(reference)) return;
    seen.add(reference);
    yield row(one, depth);
    for (const part of one.component ?? []) yield row(part, depth + 1);
    for (const member of one.hasMember ?? []) yield* rows(member.reference, resources, depth + 1, seen);
  };

  const sheet = ({ bundle, version }) => {
    const resources = new Map((bundle.entry ?? []).map((entry) => [entry.fullUrl, entry.resource]));
    const all = [...resources.values()];
    const report = all.find((one) => one.resourceType === "DiagnosticReport");
    const patient = all.find((one) => one.resourceType === "Patient");
    const composition = all.find((one) => one.resourceType === "Composition");
    const specimen = all.find((one) => one.resourceType === "Specimen");
    const name = first(patient?.name);
    const made = document.querySelector("template[data-report]").content.cloneNode(true);
    const facts = {
      patient: [name?.family, ...(name?.given ?? [])].filter(Boolean).join(" ") || name?.text,
      born: day(patient?.birthDate),
      laboratory: (report.performer ?? []).map((one) => one.display).join(", "),
      collected: day(specimen?.collection?.collectedDateTime ?? report.effectiveDateTime),
      issued: day(report.issued),
      version,
    };
    for (const [key, text] of Object.entries(facts)) {
      if (!text) made.querySelector(`dd[data-of="${key}"]`).parentElement.remove();
      else fill(made, key, text);
    }
    fill(made, "title", named(report.code) || composition?.title || "—");
    const isVoid = ["entered-in-error", "cancelled"].includes(report.status);
    fill(made, "status", say(`status.${report.status}`)).classList.add(
      report.status === "final" ? "badge-done" : isVoid ? "badge-alert" : "badge-wait",
    );
    const body = made.querySelector("tbody");
    const seen = new Set();
    for (const one of report.result ?? []) body.append(...rows(one.reference, resources, 0, seen));
    if (!body.childElementCount) made.querySelector("table").remove();
    const notes = (report.extension ?? []).map((one) => one.valueAnnotation?.text).filter(Boolean).join("\n");
    for (const [key, text] of [["conclusion", report.conclusion], ["notes", notes]]) {
      if (text) fill(made, key, text);
      else made.querySelector(`[data-part="${key}"]`).remove();
    }
    return made;
  };

  // The page

  const wrong = (name, text) => {
    const field = root.querySelector(`[data-field="${name}"]`);
    const error = field.querySelector(".error");
    field.classList.toggle("field-wrong", Boolean(text));
    error.hidden = !text;
    if (name === "passcode") error.querySelector("[data-passcode-error]").textContent = text || "";
    const input = field.querySelector("input");
    input.toggleAttribute("aria-invalid", Boolean(text));
    if (text) input.focus();
    return Boolean(text);
  };

  const open = async (payload) => {
    const recipient = form.elements.recipient.value.trim();
    const passcode = form.elements.passcode.value.replace(/\s/g, "");
    const needsPasscode = (payload.flag ?? "").includes("P");
    wrong("recipient", "");
    wrong("passcode", "");
    if (!recipient) return void wrong("recipient", "!");
    if (needsPasscode && !passcode) return void wrong("passcode", say("passcode.missing"));
    status.textContent = say("loading");
    let answer;
    try {
      answer = await ask(payload, recipient, needsPasscode ? passcode : "");
    } catch (error) {
      status.textContent = "";
      return show(error instanceof TypeError ? "failed" : "damaged");
    }
    status.textContent = "";
    if (answer.status === 401 && answer.left > 0) {
      form.elements.passcode.value = "";
      return void wrong("passcode", say("passcode.wrong").replace("%left%", answer.left));
    }
    if (answer.status === 429) return show("busy");
    if (answer.status !== 200) return show(answer.status < 500 ? "gone" : "failed");
    root.querySelector("[data-view-reports]").replaceChildren(...answer.files.map(sheet));
    show("reports");
    status.textContent = say("loaded");
  };

  const begin = () => {
    root.hidden = false;
    // The other language is of the same link.
    for (const one of document.querySelectorAll("a[hreflang]")) one.hash = location.hash;
    if (!location.hash) return show("none");
    const payload = payloadOf(location.hash.slice(1));
    if (!payload) return show("damaged");
    if (!window.isSecureContext || typeof DecompressionStream === "undefined") return show("unsupported");
    if (new URL(payload.url, location.href).origin !== location.origin || (payload.v ?? 1) !== 1) return show("foreign");
    root.querySelector('[data-field="passcode"]').hidden = !(payload.flag ?? "").includes("P");
    const label = root.querySelector("[data-label]");
    // Who made the link wrote it; no more of it than the specification allows.
    label.textContent = String(payload.label ?? "").slice(0, 80);
    label.hidden = !payload.label;
    show("form");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      await open(payload);
      button.disabled = false;
    });
    for (const one of root.querySelectorAll("[data-view-again]")) one.addEventListener("click", () => show("form"));
    root.querySelector("[data-view-print]").addEventListener("click", () => window.print());
  };

  // Another link pasted over this one is another page.
  window.addEventListener("hashchange", () => location.reload());
  begin();
})();
