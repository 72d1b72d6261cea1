import { expect, test } from "vitest";
import { exactly, sha256 } from "./exact";

const said = '{"a":{"arguments":{"b":1.0,"a":"}\\"{","n":1e2,"__proto__":[1, 2]}},"arguments":7,"items":[{"x":true},{"x": null}]}';

test("bytes come out as they stand, where parsing would lose them", () => {
  expect(exactly(said, ["a", "arguments"])).toBe('{"b":1.0,"a":"}\\"{","n":1e2,"__proto__":[1, 2]}');
  expect(exactly(said, ["arguments"])).toBe("7");
  expect(exactly(said, ["items", 1, "x"])).toBe("null");
});

test("what is not there is null", () => {
  expect(exactly(said, ["nothing"])).toBeNull();
  expect(exactly(said, ["arguments", "deeper"])).toBeNull();
});

test("the digest is the server's own", async () => {
  expect(await sha256('{"account":"Velkarin Foods","channel":"email","recipient":"buyer"}')).toBe(
    "c4bf98551915250e19d9e9a555782f81a758089bd5aaa0c66e723d35c611b420",
  );
});
