// The service worker: shows notices, and opens the page that one leads to. It keeps no page: this is medical data,
// and the cabinet is there for who is signed in only.
"use strict";

const SHOWN = "shown-notices";
const SHOWN_MAX = 200;
// For a message that can't be read: better a plain word than the browser's own about us.
const PLAIN = {
  ru: { title: "Летопись", body: "В личном кабинете есть новое.", lang: "ru" },
  en: { title: "Letopis", body: "There is something new in your cabinet.", lang: "en" },
};
const CHANGED = {
  ru: { title: "Летопись", body: "Браузер сменил адрес уведомлений. Откройте, чтобы включить их снова.", lang: "ru" },
  en: { title: "Letopis", body: "The browser changed where it is told. Open to turn notifications on again.", lang: "en" },
};
const spoken = (words) => (navigator.language.startsWith("ru") ? words.ru : words.en);

const nameOf = (tag) => new URL(`/shown-notice/${encodeURIComponent(tag)}`, self.location.origin).href;

const wasShown = async (tag) => Boolean(await (await caches.open(SHOWN)).match(nameOf(tag)));

const remember = async (tag) => {
  const cache = await caches.open(SHOWN);
  await cache.put(nameOf(tag), new Response(null));
  const names = await cache.keys(); // the first are the oldest
  for (const old of names.slice(0, Math.max(names.length - SHOWN_MAX, 0))) await cache.delete(old);
};

const noticeOf = (data) => {
  try {
    const notice = data.json();
    if (typeof notice.title === "string" && typeof notice.tag === "string") return notice;
  } catch {
    // not ours, or broken on its way
  }
  return { ...spoken(PLAIN), tag: "plain", link: "/notifications" };
};

// Only a page of ours, whatever the message says.
const pageOf = (link) => {
  try {
    const url = new URL(typeof link === "string" ? link : "/", self.location.origin);
    return url.origin === self.location.origin ? url.href : `${self.location.origin}/`;
  } catch {
    return `${self.location.origin}/`;
  }
};

const show = (notice) =>
  self.registration.showNotification(notice.title, {
    body: notice.body,
    lang: notice.lang,
    tag: notice.tag,
    renotify: false,
    icon: "/static/icon-192.png",
    badge: "/static/badge-96.png",
    data: { link: notice.link },
  });

const tell = async (data) => {
  const notice = noticeOf(data);
  const lies = (await self.registration.getNotifications({ tag: notice.tag })).length > 0;
  // Sent once more because nobody knew whether it came: its reader has put it away already.
  if (!lies && notice.tag !== "plain" && (await wasShown(notice.tag))) return;
  await show(notice);
  await remember(notice.tag);
};

// One after another: asked for its notices while it puts one on the screen, Chromium forgets that one, and a click on
// it leads nowhere.
let told = Promise.resolve();

self.addEventListener("push", (event) => {
  const next = () => tell(event.data);
  told = told.then(next, next); // one that failed holds up none
  event.waitUntil(told);
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const page = pageOf(event.notification.data && event.notification.data.link);
  event.waitUntil(
    (async () => {
      // A page that is open elsewhere stays as it is: its reader may be writing in it.
      const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
      const same = open.find((client) => client.url.split(/[?#]/)[0] === page);
      await (same ? same.focus() : self.clients.openWindow(page));
    })(),
  );
});

// A new address has to be told by a signed-in person, so they are asked to.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(show({ ...spoken(CHANGED), tag: "changed", link: "/notifications/push" }));
});
