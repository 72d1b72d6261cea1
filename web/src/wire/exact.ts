/** Bytes as they stand in a JSON answer: parsing loses how a number is written, and consent is to bytes, not to a reading. */

/** The text of the value at a path of keys (and list positions), cut out of a JSON document; null where it is not there. */
export function exactly(document: string, path: readonly (string | number)[]): string | null {
  let at = 0;

  const space = () => {
    while (at < document.length && " \t\r\n".includes(document[at]!)) at++;
  };
  const string = (): string => {
    const begin = at++;
    while (at < document.length && document[at] !== '"') at += document[at] === "\\" ? 2 : 1;
    at++;
    return JSON.parse(document.slice(begin, at)) as string;
  };
  const skip = (): void => {
    space();
    const first = document[at];
    if (first === '"') {
      string();
    } else if (first === "{" || first === "[") {
      let depth = 0;
      do {
        const one = document[at]!;
        if (one === '"') {
          string();
          continue;
        }
        if (one === "{" || one === "[") depth++;
        if (one === "}" || one === "]") depth--;
        at++;
      } while (depth > 0 && at < document.length);
    } else {
      while (at < document.length && !",]} \t\r\n".includes(document[at]!)) at++;
    }
  };

  for (const wanted of path) {
    space();
    const isList = document[at] === "[";
    if (!isList && document[at] !== "{") return null;
    at++;
    let found = false;
    for (let index = 0; ; index++) {
      space();
      if (document[at] === "]" || document[at] === "}" || at >= document.length) break;
      let name: string | number = index;
      if (!isList) {
        name = string();
        space();
        at++; // the colon
      }
      space();
      if (name === wanted) {
        found = true;
        break;
      }
      skip();
      space();
      if (document[at] === ",") at++;
    }
    if (!found) return null;
  }
  space();
  const begin = at;
  skip();
  return document.slice(begin, at);
}

/** The SHA-256 of a text's UTF-8 bytes in hex; null where the browser offers none (a page over plain HTTP from afar). */
export async function sha256(text: string): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
