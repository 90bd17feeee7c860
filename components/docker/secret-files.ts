/**
 * Lines of a start script that put variables into files of the container's memory, `folder/VARIABLE`: for a program that reads no
 * variable, or shows its own to whoever asks. Only its user can read them where the script has said `umask 077`.
 */
export const variablesToFiles = (folder: string, variables: readonly string[]): string[] =>
  variables.length
    ? [
        `mkdir -p ${folder}`,
        ...variables.map((variable) => `printf %s "$${variable}" > ${folder}/${variable}`),
        `unset ${variables.join(" ")}`,
      ]
    : [];
