import { parse } from "yaml";
import { renderLiteLlmConfig } from "../components/gateway/litellm-config.ts";
import { annotate } from "./config/annotate.ts";
import { journeyOf, shownStep } from "./config/journey.ts";
import { settingsOfStack } from "./config/stack-settings.ts";
import { command, jsonOption, main, printJson, stackOption } from "./command.ts";
import { copyExample } from "./stack-file.ts";

await main(
  import.meta.filename,
  command(
    "config",
    "Prints the config.yaml that LiteLLM gets, with a comment at each part that says which file and setting it comes from. Secrets are names of variables. It asks nobody and changes nothing: the stack need not be deployed.",
  )
    .addOption(stackOption("stack whose settings are read"))
    .addOption(jsonOption())
    .hook("preAction", (_program, action) => copyExample(action.opts<{ stack: string }>().stack))
    .action(({ stack, json }: { stack: string; json?: true }) => {
      const read = settingsOfStack(stack);
      const text = renderLiteLlmConfig(read.settings);
      const journey = journeyOf(text, read);
      if (json)
        printJson({ stackFile: read.file, text, config: parse(text) as unknown, journey: journey.map(shownStep) });
      else process.stdout.write(annotate(text, journey));
    }),
);
