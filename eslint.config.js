import js from "@eslint/js";
import pulumi from "@pulumi/eslint-plugin";
import boundaries from "eslint-plugin-boundaries";
import globals from "globals";
import tseslint from "typescript-eslint";

/**
 * The rooms, from the bottom up, and which others each may import. Tests may import all.
 * A folder without a line here is an error, and so is whatever a line does not name: `tests`, `operate` and `index.ts` are
 * in none. The order leaves no circles.
 */
const rooms = {
  lib: [],
  ingress: ["lib"], // A program of its own: what it imports is bundled into its image.
  approval: ["lib"],
  adapter: ["lib", "approval"], // Likewise.
  check: ["lib", "approval", "ingress"], // Likewise: it judges by the rules that the ingress enforces.
  settings: ["lib", "approval", "ingress"],
  "components/names": [],
  "components/docker": ["lib", "settings"],
  "components/postgres": ["lib", "settings", "components/names", "components/docker"],
  "components/redis": ["lib", "settings", "components/names", "components/docker"],
  "components/backup": ["lib", "settings", "components/names", "components/docker", "components/postgres"],
  "components/monitoring": ["lib", "settings", "components/names", "components/docker", "components/postgres"],
  "components/mcp-health": ["lib"],
  "components/mcp": [
    ...["lib", "settings", "components/names", "components/docker", "components/mcp-health"],
    ...["approval", "adapter"], // Both are in the images.
  ],
  "components/gateway": [
    ...["lib", "settings", "components/names", "components/docker", "components/mcp-health"],
    ...["approval", "ingress", "check"], // The check compares tools with what was approved, and renders what the ingress reads.
  ],
  components: [
    ...["lib", "settings"],
    ...["components/names", "components/docker", "components/postgres", "components/redis", "components/backup"],
    ...["components/monitoring", "components/mcp", "components/gateway"],
  ],
  guards: ["lib", "settings", "components/names", "components/docker", "components/postgres"],
  index: ["lib", "settings", "guards", "components", "components/names", "components/postgres"],
  examples: [], // Shown in docs/sdks.md as they are.
  "bootstrap/steps": ["lib"],
  lab: ["lib", "bootstrap/steps"],
  bootstrap: ["lib", "bootstrap/steps", "lab"],
  operate: [
    ...["lib", "ingress", "approval", "check", "settings", "bootstrap", "bootstrap/steps"],
    ...["components/names", "components/docker", "components/postgres", "components/gateway"],
    "components/mcp", // A server is asked what it lists in the image that is deployed.
    "components/monitoring", // Dashboards for a Grafana are written.
  ],
};

/** Rooms that are not the folder of their name. */
const files = {
  "components/names": "components/{resource-names,stack-identity}.ts",
  // LiteLLM's container has the healthcheck of the servers, too.
  "components/mcp-health": "components/mcp/mcp-health.ts",
  "bootstrap/steps": "bootstrap/{python,steps,system-packages,version}.ts",
  index: "*.{ts,js}",
};

export default tseslint.config(
  { ignores: ["**/node_modules/", "**/dist/"] },
  {
    files: ["**/*.{js,mjs}"],
    extends: [js.configs.recommended],
    languageOptions: { globals: globals.node },
  },
  {
    // Part of an image, run by Node's `require`.
    files: ["lab/docker/images/**/*.js"],
    languageOptions: { sourceType: "commonjs" },
  },
  {
    files: ["**/*.{ts,js,mjs}"],
    ignores: ["lab/docker/images/"],
    plugins: { boundaries },
    settings: {
      // Of those that match a file the first counts.
      "boundaries/files-single-match": true,
      "boundaries/files": [
        { category: "tests", pattern: ["tests/**", "**/*.test.ts", "**/*.slow.ts"] },
        ...Object.entries(files).map(([category, pattern]) => ({ category, pattern })),
        ...Object.keys(rooms).map((category) => ({ category, pattern: `${category}/**` })),
      ],
      "boundaries/dependency-nodes": ["import", "dynamic-import", "export"],
    },
    rules: {
      "boundaries/no-unknown-files": "error",
      "boundaries/dependencies": [
        "error",
        {
          default: "disallow",
          message: "{{from.file.categories}} may not import {{to.file.categories}}: see the rooms in eslint.config.js",
          policies: [
            ...Object.entries(rooms).map(([room, others]) => ({
              from: { file: { categories: room } },
              allow: { to: { file: { categories: { anyOf: [room, ...others] } } } },
            })),
            { from: { file: { categories: "tests" } }, allow: { to: { file: { categories: "**" } } } },
          ],
        },
      ],
    },
  },
  {
    // A dynamic provider is loaded by its path when the engine asks for it; what others share with it is in another file.
    // Those in components/ itself lead the state of stacks of earlier versions to where the providers are now.
    files: ["**/*.ts"],
    ignores: ["components/*.provider.ts", "**/*.test.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: ["**/*.provider.ts"], message: "Import what is not the provider from a file of its own." },
          ],
        },
      ],
    },
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    files: ["**/*.ts"],
    rules: {
      // JSON of other programs (pulumi, Docker, LiteLLM) is read where its shape is known and asserted at once.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
    },
  },
  {
    files: ["**/*.test.ts", "**/*.slow.ts", "**/*.e2e.ts", "tests/**/*.ts"],
    // node:test's own functions return promises that the runner awaits.
    rules: {
      "@typescript-eslint/no-floating-promises": "off",
      // A callback that has to return a promise is async, whether it waits or not.
      "@typescript-eslint/require-await": "off",
      // Recorded inputs have the shape of whatever resource they belong to.
      "@typescript-eslint/no-explicit-any": "off",
    },
  },
  {
    files: ["index.ts", "components/**/*.ts", "guards/**/*.ts"],
    plugins: { "@pulumi": pulumi },
    // An Output in a text becomes "Calling [toString] on an [Output<T>]…", far from where it happened.
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@pulumi/no-output-instance-in-template-literal": "error",
    },
  },
);
