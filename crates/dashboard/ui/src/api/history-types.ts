/** Shapes of the REST API for what the server remembers of metrics. */

export type HistoryAggregation = "sum" | "max" | "min" | "avg";

/** What a line of the history is of. */
export interface HistoryInfo {
  id: string;
  /** The vertex; absent for a line of the whole job, process or cluster. */
  vertex?: string | null;
  unit?: string;
  /** How the values of the subtasks became one. */
  aggregation?: HistoryAggregation;
}

export interface HistorySeries extends HistoryInfo {
  /** All lines of an answer are of the same length; null is what is not known. */
  values: (number | null)[];
}

export interface History {
  /** Milliseconds between two values. */
  interval: number;
  /** When the last value was, in epoch milliseconds. */
  end: number;
  series: HistorySeries[];
}

/** What of a history is asked for. */
export interface HistoryQuery {
  /** Ids of metrics; without them the default set. */
  get?: readonly string[] | undefined;
  vertices?: readonly string[] | undefined;
  /** Only values later than this (epoch milliseconds). */
  from?: number | undefined;
}
