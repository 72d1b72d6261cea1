// Keeps the page's own files, so that it opens at once and says so itself when the server is away.
// Answers of the house are never kept: what is shown of it comes from it.
const CACHE = "cuga-page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || !isOurs(url)) return;
  event.respondWith(url.pathname.includes("/assets/") ? kept(request) : fresh(request));
});

const isOurs = ({ pathname }) => pathname === "/" || pathname.startsWith("/assets/") || /^\/[\w.-]+\.(html|svg|png|ico|webmanifest)$/.test(pathname);

// names under assets/ carry a hash of what is in them
async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch (error) {
    const found = await cache.match(request);
    if (found) return found;
    throw error;
  }
}
