import { pulumiEnvironment } from "./environment.ts";

/** Prints what plain `pulumi` commands need in a shell: eval "$(npm run --silent env)" */
const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;
const inherited = Object.entries(process.env).filter(([name]) => name === "PATH" || name.startsWith("PULUMI_"));
for (const [name, value] of Object.entries({ ...Object.fromEntries(inherited), ...(await pulumiEnvironment()) }))
  console.log(`export ${name}=${quoted(value ?? "")}`);
