// Who leads, as the pretended JobManager tells it. `POST /pretend/leadership?as=standby` changes it, for walks and pictures.
const member = (port) => ({ "instance-id": `instance-of-${port}`, "rpc-address": `jm-${port}.local:6123`, "rest-address": `jm-${port}.local:${port}` });
const other = { ...member(8081), epoch: 41 };
const self = member(8082);
const own = { ...self, epoch: 42 };

/** `alone`: the only one there is. `unreachable`: a standby whose leader is silent. */
const states = {
  alone: { leader: own, self, state: "LEADING" },
  leading: { leader: own, self, standbys: [member(8083), member(8084)], state: "LEADING" },
  standby: { leader: other, self, standbys: [self, member(8083)], state: "STANDBY" },
  unreachable: { leader: other, self, state: "STANDBY" },
  suspended: {
    leader: own,
    self,
    standbys: [],
    state: "SUSPENDED",
    problems: [{ kind: "STORE_UNREACHABLE", text: "etcd at http://etcd:2379 does not answer: connection refused" }],
  },
  none: { leader: null, self, state: "STANDBY" },
};

let current = "alone";

export const isAlone = () => current === "alone";
export const told = () => states[current];

/** Returns whether there is such a state. */
export function pretend(name) {
  if (!(name in states)) return false;
  current = name;
  return true;
}

/** What it can't answer without a leader is refused; its configuration it knows itself. */
export function refuses(path) {
  const election = "Service temporarily unavailable due to an ongoing leader election. Please refresh.";
  if (current === "none") return /^\/(config|jobmanager\/(config|environment))\/?$/.test(path) ? null : election;
  return current === "unreachable" ? `${election} The leader at ${other["rest-address"]} does not answer: connection refused.` : null;
}
