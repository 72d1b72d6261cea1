/** Read JSON once: snake_case becomes camelCase, ISO text becomes dates, what is left out gets its default.
 *
 * A reader says what a value is; what the server says beyond it is dropped. Subtrees that are data (a tool's output,
 * arguments) are read by `raw` and keep their own names.
 */

export type Reader<T> = (value: unknown) => T;
export type Of<R> = R extends Reader<infer T> ? T : never;
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

type Shape = Record<string, Reader<unknown>>;
type Read<S extends Shape> = { readonly [Name in keyof S]: Of<S[Name]> };

export const text: Reader<string> = (value) => (typeof value === "string" ? value : value == null ? "" : String(value));
export const number: Reader<number> = (value) => (typeof value === "number" ? value : 0);
export const flag: Reader<boolean> = (value) => value === true;
export const raw: Reader<Json> = (value) => (value ?? null) as Json;
export const date: Reader<Date> = (value) => new Date(typeof value === "string" || typeof value === "number" ? value : NaN);

/** A value that may be missing: null then. */
export function maybe<T>(read: Reader<T>): Reader<T | null> {
  return (value) => (value == null ? null : read(value));
}

export function orElse<T>(read: Reader<T>, otherwise: T): Reader<T> {
  return (value) => (value == null ? otherwise : read(value));
}

export function list<T>(read: Reader<T>): Reader<readonly T[]> {
  return (value) => (Array.isArray(value) ? value.map(read) : []);
}

/** An object whose keys are data, e.g. the name of a tool. */
export function table<T>(read: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (value) => {
    if (value === null || typeof value !== "object") return {};
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, read(item)]));
  };
}

/** An object with known names, asked for in snake_case. */
export function shape<S extends Shape>(fields: S): Reader<Read<S>> {
  const named = Object.entries(fields).map(([name, read]) => [name, snake(name), read] as const);
  return (value) => {
    const found = (value ?? {}) as Record<string, unknown>;
    return Object.fromEntries(named.map(([name, wire, read]) => [name, read(found[wire])])) as Read<S>;
  };
}

/** A page of a list: `{"items": [...], "next": cursor}`; a bare array is its only page. */
export function page<T>(read: Reader<T>): Reader<{ readonly items: readonly T[]; readonly next: string }> {
  return (value) => {
    if (Array.isArray(value)) return { items: value.map(read), next: "" };
    const found = (value ?? {}) as { items?: unknown; next?: unknown };
    return { items: list(read)(found.items), next: text(found.next) };
  };
}

export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
