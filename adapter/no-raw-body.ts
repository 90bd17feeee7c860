/** In place of the package `raw-body` in the bundle; `http.ts` reads every body itself, within its limits. */
export default function rawBody(): never {
  throw new Error("a transport tried to read a body");
}
