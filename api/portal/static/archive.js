// «Скачать архив»: how many of the results are in the file so far. Without a script the browser downloads it by itself.
const making = document.getElementById("making");
const said = document.getElementById("making-said");
const bar = document.getElementById("making-bar");
const stop = document.getElementById("making-stop");
const LOCAL_FILE = [0x50, 0x4b, 0x03, 0x04];
const HEADER = 30;
const RECEIPT = "/receipt.json";

// Counts the receipts that begin in the chunks of a ZIP: one a result. What a chunk cuts off waits for the next.
class Results {
  count = 0;
  rest = new Uint8Array();

  take(chunk) {
    const bytes = new Uint8Array(this.rest.length + chunk.length);
    bytes.set(this.rest);
    bytes.set(chunk, this.rest.length);
    let at = bytes.indexOf(LOCAL_FILE[0]);
    while (at >= 0 && at + HEADER <= bytes.length) {
      if (LOCAL_FILE.every((one, place) => bytes[at + place] === one)) {
        const end = at + HEADER + bytes[at + 26] + (bytes[at + 27] << 8);
        if (end > bytes.length) break;
        const name = new TextDecoder().decode(bytes.subarray(at + HEADER, end));
        if (name.endsWith(RECEIPT)) this.count += 1;
      }
      at = bytes.indexOf(LOCAL_FILE[0], at + 1);
    }
    this.rest = at < 0 ? new Uint8Array() : bytes.slice(at);
  }
}

function show(text, part) {
  if (making.hidden) {
    making.hidden = false;
    making.scrollIntoView({ block: "nearest" });
  }
  said.textContent = text;
  if (part === undefined) bar.removeAttribute("value");
  else bar.value = part;
}

function save(chunks, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(chunks, { type: "application/zip" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function download(address, form) {
  const ended = new AbortController();
  stop.hidden = false;
  stop.onclick = () => ended.abort();
  show(making.dataset.making);
  try {
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(form), signal: ended.signal });
    if (answer.headers.get("Content-Type") !== "application/zip") {
      // A page: to prove who one is, or what is wrong. The browser shows it when it asks by itself.
      return false;
    }
    const whole = Number(answer.headers.get("X-Results"));
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
    const results = new Results();
    const chunks = [];
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      results.take(value);
      show(`${making.dataset.making} ${results.count} / ${whole}`, whole ? Math.min(1, results.count / whole) : 1);
    }
    save(chunks, name);
    show(making.dataset.ready, 1);
  } catch (error) {
    if (error.name === "AbortError") making.hidden = true;
    else show(making.dataset.failed, 0);
  }
  stop.hidden = true;
  return true;
}

if (making) {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const button = event.submitter;
    const address = button?.getAttribute("formaction") || form.getAttribute("action");
    if (!["/reports/archive", "/my-data"].includes(address)) return;
    event.preventDefault();
    if (button) button.disabled = true;
    const data = new FormData(form);
    if (button?.name) data.set(button.name, button.value);
    const isDone = await download(address, data);
    if (button) button.disabled = false;
    if (!isDone) {
      making.hidden = true;
      const again = document.createElement("form");
      again.method = "post";
      again.action = address;
      for (const [name, value] of data) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = name;
        field.value = value;
        again.append(field);
      }
      document.body.append(again);
      again.submit();
    }
  });
}
