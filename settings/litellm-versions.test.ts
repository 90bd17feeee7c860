import assert from "node:assert/strict";
import { test } from "node:test";
import {
  enforcesToolPermissions,
  hidesServerOfLoneTools,
  mayLockUpOverHttp,
  settingAdvice,
  speaksHttpToTypeScript,
  unknownKeyAdvice,
  versionOfTag,
} from "./litellm-versions.ts";

test("the version is read from the tags LiteLLM publishes", () => {
  for (const tag of ["v1.77.3-stable", "main-v1.77.3-stable", "v1.77.3-stable-patch-1", "v1.77.3.rc.1", "1.77.3"]) {
    assert.equal(versionOfTag(tag), "1.77.3", tag);
  }
  for (const tag of ["main-stable", "mine", "v1.77", "pr-1.77.3", "v1.077.3"])
    assert.equal(versionOfTag(tag), undefined, tag);
});

test("versions compare as numbers", () => {
  assert.equal(settingAdvice("litellmSettings", "public_mcp_servers", "1.80.10"), undefined);
  assert.match(settingAdvice("litellmSettings", "public_mcp_servers", "1.80.4") ?? "", /works from 1\.80\.5/);
});

test("a setting is accepted from the version that reads it", () => {
  assert.equal(settingAdvice("generalSettings", "store_prompts_in_spend_logs", "1.77.3"), undefined);
  assert.equal(settingAdvice("litellmSettings", "drop_params", "1.77.3"), undefined);
  assert.match(settingAdvice("litellmSettings", "cost_discount_config", "1.78.0") ?? "", /works from 1\.79\.0/);
  assert.equal(settingAdvice("litellmSettings", "cost_discount_config", "1.79.0"), undefined);
});

test("a setting of one section does nothing in the other", () => {
  assert.match(settingAdvice("generalSettings", "drop_params", "1.77.3") ?? "", /1\.77\.3 ignores it$/);
});

test("provider keys belong to models", () => {
  assert.match(settingAdvice("litellmSettings", "openai_key", "1.77.3") ?? "", /litellm-mcp:models gives it its key$/);
});

test("unknown settings pass only where nobody looked", () => {
  assert.match(settingAdvice("generalSettings", "brand_new", "1.80.5") ?? "", /ignores it/);
  assert.equal(settingAdvice("generalSettings", "brand_new", "1.80.6"), undefined);
  assert.match(settingAdvice("generalSettings", "master_key", "1.99.0") ?? "", /this program writes it/);
});

test("server keys of LiteLLM that this program does not write are refused on every version", () => {
  assert.equal(
    unknownKeyAdvice("allowed_tools"),
    "leave it out: LiteLLM reads it from 1.77.7 on, but this program never writes it",
  );
  for (const key of ["static_headers", "extra_headers"])
    assert.match(unknownKeyAdvice(key) ?? "", /^headers in server\.yaml, a map/);
  // A key of server.yaml.
  assert.equal(unknownKeyAdvice("headers"), undefined);
  assert.equal(unknownKeyAdvice("descripton"), undefined);
});

test("http to TypeScript servers works from 1.77.7", () => {
  assert(!speaksHttpToTypeScript("1.77.5"));
  assert(speaksHttpToTypeScript("1.77.7"));
});

test("a server over http that is down may lock up versions before 1.106.2", () => {
  assert.deepEqual(["1.77.3", "1.77.7", "1.80.5", "1.106.2"].map(mayLockUpOverHttp), [true, true, true, false]);
});

test("what a key may call is LiteLLM's business from 1.78.0, and whose a lone server's tools are from 1.77.7 to 1.83.7", () => {
  assert.deepEqual(["1.77.7", "1.78.0", "1.106.2"].map(enforcesToolPermissions), [false, true, true]);
  assert.deepEqual(["1.77.5", "1.77.7", "1.81.9", "1.83.7", "1.106.2"].map(hidesServerOfLoneTools), [
    false,
    true,
    true,
    false,
    false,
  ]);
});
