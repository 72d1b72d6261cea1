/** What a reader's eye would miss in a text: characters that draw nothing or turn the direction, and letters that look
 * like others. The server shows the same text; here each such place gets a mark that can be seen.
 *
 * Hidden: control (Cc), format (Cf: zero width, bidi), line and paragraph separators, unassigned, private use, odd spaces.
 * Look-alike: a word that mixes Latin with Cyrillic, Greek, Armenian or Cherokee letters, or that is written wholly in
 * such letters which all look Latin, and full-width forms (UTS 39, in short).
 */

export type Piece =
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "hidden"; readonly text: string; readonly code: string; readonly name: string }
  | { readonly kind: "alike"; readonly text: string; readonly letters: readonly string[] };

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\u115F\u1160\u3164\uFFA0\uFE00-\uFE0F\u{E0100}-\u{E01EF}\u034F\u17B4\u17B5\u180B-\u180F]/u;
const WORD = /[\p{L}\p{M}\p{N}_@.\-+]+/gu;
const LATIN = /\p{Script=Latin}/u;
const OTHER = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;
const WIDE = /[\uFF01-\uFF5E\u{1D400}-\u{1D7FF}]/u;
// letters of other scripts that are drawn like Latin ones
const TWINS = new Set("аеорсухѕіјԁԛԝһӏвкмнтАВЕКМНОРСТУХЅІЈ" + "αοικνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "оսոցհ");

const NAMES: Readonly<Record<number, string>> = {
  0x00: "null", 0x07: "bell", 0x08: "backspace", 0x0b: "vertical tab", 0x1b: "escape", 0xa0: "no-break space", 0xad: "soft hyphen",
  0x200b: "zero-width space", 0x200c: "zero-width non-joiner", 0x200d: "zero-width joiner", 0x200e: "left-to-right mark",
  0x200f: "right-to-left mark", 0x2028: "line separator", 0x2029: "paragraph separator", 0x202a: "left-to-right embedding",
  0x202b: "right-to-left embedding", 0x202c: "end of embedding", 0x202d: "left-to-right override",
  0x202e: "right-to-left override", 0x202f: "narrow space", 0x2060: "word joiner", 0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate", 0x2068: "first-strong isolate", 0x2069: "end of isolate", 0xfeff: "byte-order mark",
  0x3000: "wide space", 0x3164: "filler",
}; // prettier-ignore

/** A text cut into what is plain, what is hidden and what only looks like something else. New lines and tabs are plain. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  const flush = () => {
    if (!plain) return;
    pieces.push(...wordsOf(plain));
    plain = "";
  };
  for (const one of text) {
    if (one !== "\n" && one !== "\t" && HIDDEN.test(one)) {
      flush();
      const at = one.codePointAt(0)!;
      const code = `U+${at.toString(16).toUpperCase().padStart(4, "0")}`;
      pieces.push({ kind: "hidden", text: one, code, name: NAMES[at] ?? "invisible character" });
    } else {
      plain += one;
    }
  }
  flush();
  return pieces;
}

function wordsOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(WORD)) {
    const letters = strangers(match[0]);
    if (!letters.length) continue;
    if (match.index > last) pieces.push({ kind: "plain", text: text.slice(last, match.index) });
    pieces.push({ kind: "alike", text: match[0], letters });
    last = match.index + match[0].length;
  }
  if (last < text.length) pieces.push({ kind: "plain", text: text.slice(last) });
  return pieces;
}

/** The letters of a word that are not what they look like. */
function strangers(word: string): readonly string[] {
  const letters = [...word];
  const others = letters.filter((one) => OTHER.test(one));
  const wide = letters.filter((one) => WIDE.test(one));
  if (!others.length) return wide;
  if (letters.some((one) => LATIN.test(one))) return [...new Set([...others, ...wide])];
  // a whole word in another script is a word of that language, unless all of it could be read as Latin
  return others.length > 1 && others.every((one) => TWINS.has(one)) ? [...new Set(others)] : wide;
}

export interface Suspicions {
  readonly hidden: number;
  readonly alike: number;
}

/** How many such places a text, or all texts in a JSON value, keys included, have. */
export function suspicionsIn(value: unknown): Suspicions {
  if (typeof value === "string") {
    const pieces = piecesOf(value);
    return {
      hidden: pieces.filter((piece) => piece.kind === "hidden").length,
      alike: pieces.filter((piece) => piece.kind === "alike").length,
    };
  }
  if (value === null || typeof value !== "object") return { hidden: 0, alike: 0 };
  const inner = Array.isArray(value) ? value : Object.entries(value).flat();
  return inner.map(suspicionsIn).reduce((all, one) => ({ hidden: all.hidden + one.hidden, alike: all.alike + one.alike }), {
    hidden: 0,
    alike: 0,
  });
}
