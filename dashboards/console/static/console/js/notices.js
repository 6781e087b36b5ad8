// The service worker behind notifications: a click brings the ward to the front. It keeps nothing and
// answers no request: a ward out of a cache would be worse than none.
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
    if (pages.length) await pages[0].focus(); else await clients.openWindow(event.notification.data.url);
  })());
});
