import { command, main, prepared } from "./command.ts";
import { pulumiEnvironment, shellLines } from "./pulumi-environment.ts";

await main(
  import.meta.filename,
  command("env", 'Prints what plain pulumi commands need in a shell: eval "$(npm run --silent env)"')
    .hook("preAction", prepared("pulumi"))
    .action(async () => {
      for (const line of shellLines(process.env, await pulumiEnvironment())) console.log(line);
    }),
);
