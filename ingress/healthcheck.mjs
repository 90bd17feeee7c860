// node healthcheck.mjs URL: whether the ingress answers, whatever it says of LiteLLM, which has a check of its own.
// A file apart from the ingress, because Docker runs it every ten seconds: to read the whole program each time took a quarter
// of a second of a processor.
const [url = ""] = process.argv.slice(2);
const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) });
const { ingress } = await answer.json();
console.log(JSON.stringify({ status: answer.status, ingress }));
process.exitCode = ingress === "ok" ? 0 : 1;
