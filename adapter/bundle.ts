import { bundle } from "../lib/bundle.ts";

/** The adapter as one file. */
export const bundleAdapter = () =>
  bundle("adapter/main.ts", {
    // The transports get bodies that are read already; their own way to read one would bring half a megabyte of character
    // sets along.
    "raw-body": "./adapter/no-raw-body.ts",
  });
