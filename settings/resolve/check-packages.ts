import path from "node:path";
import { sameOnPyPi } from "../package-lock.ts";
import type { Problems } from "../problems.ts";
import { type BuiltSource, isBuilt, languageOf } from "../schemas/server-schema.ts";
import type { ServerFolder } from "../server-folders.ts";

/** The package lock of an enabled server has to fit what its folder asks for. */
export function checkPackages(folder: ServerFolder, problems: Problems): void {
  const { name, file, definition, packageLock, program } = folder;
  const source = definition?.source;
  if (!packageLock || !source || !isBuilt(source)) return;
  const lockFile = path.posix.join(path.posix.dirname(file), packageLock.file);
  const command = `run \`npm run lock -- ${name}\``;
  const requirements = program?.requirements;
  if (source.kind === "program" && !requirements) return;
  const needsLock = requirements === undefined || requirements.wanted.length > 0;
  if (packageLock.state === "unreadable")
    return problems.add(lockFile, "(file)", Symbol(packageLock.reason), needsLock ? command : "remove it");
  if (packageLock.state === "missing") {
    if (!needsLock) return checkBuilding(source, [], file, packageLock.file, problems);
    const write = `${command}: packages are only installed from a package lock`;
    return problems.add(lockFile, "(file)", undefined, write);
  }
  if (source.kind === "program") {
    const { wanted, file: asks } = requirements!;
    if (!needsLock && packageLock.packages.length)
      problems.add(lockFile, "(file)", Symbol("packages that nothing asks for"), `remove it, or name them in ${asks}`);
    else if (needsLock && packageLock.madeFor?.join("\n") !== wanted.join("\n"))
      problems.add(
        lockFile,
        "(file)",
        Symbol(packageLock.madeFor ? `made for ${packageLock.madeFor.join(", ")}` : "made for nobody knows what"),
        `${command}: ${asks} asks for ${wanted.join(", ")}`,
      );
  } else {
    const isOne = (one: string) => (source.kind === "pypi" ? sameOnPyPi(one, source.package) : one === source.package);
    const version = packageLock.packages.find((locked) => isOne(locked.name))?.version;
    if (version !== source.version)
      problems.add(
        lockFile,
        source.package,
        Symbol(version === undefined ? "no such package" : `version ${version}`),
        `version ${source.version} as in ${file}: ${command}`,
      );
  }
  checkBuilding(source, packageLock.packages, file, packageLock.file, problems);
}

type Locked = Extract<ServerFolder["packageLock"], { readonly state: "read" }>["packages"];

/** Packages that may run programs of their own in the build have to be there, and to have such programs. */
function checkBuilding(
  source: BuiltSource,
  packages: Locked,
  file: string,
  lockFile: string,
  problems: Problems,
): void {
  const isPython = languageOf(source) === "python";
  const key = isPython ? "buildFromSource" : "installScripts";
  for (const [index, name] of source[key].entries()) {
    const found = packages.filter((one) => (isPython ? sameOnPyPi(one.name, name) : one.name === name));
    const at = `source.${key}[${index}]`;
    if (found.length === 0) {
      const scripted = packages.flatMap((one) => (one.hasInstallScript ? [one.name] : []));
      const known = isPython ? "" : `; with install scripts there are ${scripted.join(", ") || "none"}`;
      problems.add(file, at, name, `the name of a package in ${lockFile}${known}`);
    } else if (!isPython && !found.some(({ hasInstallScript }) => hasInstallScript))
      problems.add(file, at, name, "leave it out: this package has no install script");
  }
}
