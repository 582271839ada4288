import type { ConfigEntry, JobManagerAddress } from "../../api/types";
import { Card } from "../../components/Card";
import { Fact } from "../../components/Facts";
import { ErrorNotice } from "../../components/Notice";
import { StateChip } from "../../components/StateChip";
import { MEANING, aloneText, dashboardAt, stateTone } from "../../lib/leadership";
import { leadership } from "../../live/leadership";

/** Which JobManager this page comes from, who leads, and what that means. `settings` are null while they are not known. */
export function LeadershipCard({ settings }: { settings: readonly ConfigEntry[] | null }) {
  const alone = settings && aloneText(settings);
  if (alone) {
    return (
      <Card title="Leadership" class="leadership">
        <p>{alone}</p>
      </Card>
    );
  }
  const seen = leadership.value;
  // One that leads may be the only one: the settings tell.
  if (!seen || (settings === null && seen.standing === "leading")) return null;
  const { leader, self, state, standbys = [], problems = [] } = seen.told;
  return (
    <Card title="Leadership" class="leadership">
      <dl class="facts">
        <Fact name="This JobManager" hint={`Takes messages at ${self["rpc-address"]}`}>
          <code>{self["rest-address"] || self["rpc-address"]}</code>
          <StateChip state={state} color={stateTone(state)} />
        </Fact>
        <Fact name="Leader">{leader ? <Dashboard of={leader} own={leader["instance-id"] === self["instance-id"]} /> : "none"}</Fact>
        <Fact name="Standbys" hint="JobManagers that are there and take over if the leader goes">
          {standbys.length === 0
            ? "none"
            : standbys.map((standby) => (
                <div key={standby["instance-id"]}>
                  <Dashboard of={standby} own={standby["instance-id"] === self["instance-id"]} />
                </div>
              ))}
        </Fact>
        {leader && (
          <Fact name="Epoch" hint="Grows with each change of the leader">
            {leader.epoch}
          </Fact>
        )}
      </dl>
      <p class="muted">{MEANING[seen.standing]}</p>
      {problems.map(({ kind, text }) => (
        <ErrorNotice key={kind} title={kind} error={text} />
      ))}
    </Card>
  );
}

/** Where a JobManager is, as a link to its dashboard. */
function Dashboard({ of: manager, own }: { of: JobManagerAddress; own: boolean }) {
  const address = <code>{manager["rest-address"] || manager["rpc-address"]}</code>;
  const dashboard = dashboardAt(manager["rest-address"], location.protocol);
  if (own) {
    return (
      <>
        {address} <span class="muted">this one</span>
      </>
    );
  }
  return dashboard ? <a href={dashboard}>{address}</a> : address;
}
