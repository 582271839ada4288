import type { ClaimMode, RunRequest } from "../api/types";
import { splitArguments } from "./arguments";

/** The fields of the run form as they were typed. */
export interface RunFields {
  entry: string;
  parallelism: string;
  args: string;
  /** Directory of a savepoint or checkpoint; the next two hold for it alone. */
  savepoint: string;
  allowNonRestored: boolean;
  claimMode: ClaimMode;
}

export type FieldErrors = Partial<Record<keyof RunFields, string>>;

/** Key groups are numbered with 15 bits, so no job can be wider. */
const MAX_PARALLELISM = 32768;

/** Turns the form into a request, or says which field is wrong. Empty fields are left to the server. */
export function runRequest(fields: RunFields): { request: RunRequest } | { errors: FieldErrors } {
  const errors: FieldErrors = {};
  const request: RunRequest = {};
  const entry = fields.entry.trim();
  if (entry !== "") request.entryClass = entry;
  const parallelism = fields.parallelism.trim();
  if (parallelism !== "") {
    const n = Number(parallelism);
    if (Number.isInteger(n) && n >= 1 && n <= MAX_PARALLELISM) request.parallelism = n;
    else errors.parallelism = `Give a whole number from 1 to ${MAX_PARALLELISM}, or nothing for the default.`;
  }
  const split = splitArguments(fields.args);
  if ("error" in split) errors.args = split.error;
  else if (split.args.length > 0) request.programArgsList = split.args;
  const savepoint = fields.savepoint.trim();
  if (savepoint !== "") {
    request.savepointPath = savepoint;
    request.allowNonRestoredState = fields.allowNonRestored;
    request.claimMode = fields.claimMode;
  }
  return Object.keys(errors).length > 0 ? { errors } : { request };
}
