import { pulumiEnvironment, shellLines } from "./pulumi-environment.ts";

/** Prints what plain `pulumi` commands need in a shell: eval "$(npm run --silent env)" */
for (const line of shellLines(process.env, await pulumiEnvironment())) console.log(line);
