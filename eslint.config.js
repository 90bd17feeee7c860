import js from "@eslint/js";
import pulumi from "@pulumi/eslint-plugin";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "ingress/dist/"] },
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
    files: ["**/*.test.ts", "**/*.e2e.ts", "tests/**/*.ts"],
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
