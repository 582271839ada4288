import type { FlameNode } from "../api/observe-types";

/** A frame as it is drawn: places are shares of the width, 0 to 1. */
export interface Frame {
  /** Names from the root down to this one: what it is known by from one sampling to the next. */
  path: readonly string[];
  name: string;
  depth: number;
  x: number;
  width: number;
  value: number;
  /** Samples in the frame itself, not in what it called. */
  own: number;
  /** Above the frame that is looked at: drawn over the whole width. */
  above: boolean;
}

/** Frames narrower than this share can't be seen. */
const NARROWEST = 0.0015;
/** Deeper stacks are cut: nothing on a screen is that high. */
const DEEPEST = 160;

export function keyOf(path: readonly string[]): string {
  return path.join("\n");
}

/** The frame that `path` leads to, or the last one on the way that is there. */
export function follow(root: FlameNode, path: readonly string[]): { node: FlameNode; path: string[]; parents: FlameNode[] } {
  let node = root;
  const found = [root.name];
  const parents: FlameNode[] = [];
  for (const name of path.slice(1)) {
    const next = node.children?.find((child) => child.name === name);
    if (!next) break;
    parents.push(node);
    node = next;
    found.push(name);
  }
  return { node, path: found, parents };
}

/** Lays a graph out from the frame at `path`: this one over the whole width, those above it too, those below by their samples. */
export function layoutFlame(root: FlameNode, path: readonly string[]): Frame[] {
  const { node, path: from, parents } = follow(root, path);
  const frames: Frame[] = parents.map((parent, depth) => ({ path: from.slice(0, depth + 1), name: parent.name, depth, x: 0, width: 1, value: parent.value, own: ownOf(parent), above: true }));
  const place = (frame: FlameNode, at: string[], depth: number, x: number, width: number) => {
    frames.push({ path: at, name: frame.name, depth, x, width, value: frame.value, own: ownOf(frame), above: false });
    if (depth >= DEEPEST) return;
    let left = x;
    // The widest first: what costs most is at the left, whatever order samples came in.
    for (const child of [...(frame.children ?? [])].sort((a, b) => b.value - a.value || a.name.localeCompare(b.name))) {
      const share = frame.value > 0 ? (width * child.value) / frame.value : 0;
      if (share >= NARROWEST) place(child, [...at, child.name], depth + 1, left, share);
      left += share;
    }
  };
  place(node, from, parents.length, 0, 1);
  return frames;
}

function ownOf(node: FlameNode): number {
  return Math.max(0, node.value - (node.children ?? []).reduce((sum, child) => sum + child.value, 0));
}

/** The share of samples in frames whose name has `search`, each sample counted once. */
export function matchedShare(root: FlameNode, search: string): number {
  const needle = search.trim().toLowerCase();
  if (needle === "" || root.value <= 0) return 0;
  const matched = (node: FlameNode): number => (node.name.toLowerCase().includes(needle) ? node.value : (node.children ?? []).reduce((sum, child) => sum + matched(child), 0));
  return Math.min(1, matched(root) / root.value);
}

export type Direction = "up" | "down" | "left" | "right";

/** The frame that an arrow key leads to: the caller, the costliest callee, or a neighbor of the same depth. */
export function neighbor(frames: readonly Frame[], current: string, direction: Direction): Frame | null {
  const at = frames.find((frame) => keyOf(frame.path) === current);
  if (!at) return frames[0] ?? null;
  if (direction === "up") return frames.find((frame) => keyOf(frame.path) === keyOf(at.path.slice(0, -1))) ?? null;
  if (direction === "down") return frames.find((frame) => frame.depth === at.depth + 1 && keyOf(frame.path.slice(0, -1)) === current) ?? null;
  const row = frames.filter((frame) => frame.depth === at.depth).sort((a, b) => a.x - b.x);
  const index = row.indexOf(at) + (direction === "left" ? -1 : 1);
  return row[index] ?? null;
}

/** Code that users did not write. */
const LIBRARY = /^<?(flott(_\w+)?|std|core|alloc|tokio|hashbrown|serde(_\w+)?)::|^(__|_start$|main$|root$)/;

/** The hue of a frame, by the crate or module that it is in; null for what users did not write. */
export function hueOf(name: string): number | null {
  if (LIBRARY.test(name)) return null;
  const module = name.replace(/^</, "").split("::")[0] ?? name;
  let hash = 0;
  for (const letter of module) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  // From red over orange to yellow: the colors that flame graphs have.
  return hash % 58;
}
