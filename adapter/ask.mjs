// node ask.mjs PATH: what the adapter answers there; exit code 1 unless that is HTTP 200. /health is the container's
// healthcheck, /listed has everything that the server lists, approved or not.
// A file apart from the adapter, and without fetch, because Docker runs it again and again: to read the whole program each
// time took a quarter of a second of a processor.
import { get } from "node:http";

const [path] = process.argv.slice(2);
const { ADAPTER_PORT: port = 8000, ADAPTER_TOKEN: token } = process.env;
const headers = { authorization: `Bearer ${token}` };
const signal = AbortSignal.timeout(path === "/health" ? 4_000 : 35_000);
const request = get({ host: "127.0.0.1", port, path, headers, signal }, (answer) => {
  answer.pipe(process.stdout);
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
});
request.on("error", (error) => {
  console.log(error.message);
  process.exitCode = 1;
});
