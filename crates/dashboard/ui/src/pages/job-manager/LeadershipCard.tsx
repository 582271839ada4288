import type { ConfigEntry, JobManagerAddress } from "../../api/types";
import { Card } from "../../components/Card";
import { Fact } from "../../components/Facts";
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
  const { leader, self, state } = seen.told;
  return (
    <Card title="Leadership" class="leadership">
      <dl class="facts">
        <Fact name="This JobManager" hint={`Takes messages at ${self["rpc-address"]}`}>
          <code>{self["rest-address"] || self["rpc-address"]}</code>
          <StateChip state={state} color={stateTone(state)} />
        </Fact>
        <Fact name="Leader">{leader ? <Leader leader={leader} own={leader["instance-id"] === self["instance-id"]} /> : "none"}</Fact>
        {leader && (
          <Fact name="Epoch" hint="Grows with each change of the leader">
            {leader.epoch}
          </Fact>
        )}
      </dl>
      <p class="muted">{MEANING[seen.standing]}</p>
    </Card>
  );
}

function Leader({ leader, own }: { leader: JobManagerAddress; own: boolean }) {
  const address = <code>{leader["rest-address"] || leader["rpc-address"]}</code>;
  const dashboard = dashboardAt(leader["rest-address"], location.protocol);
  if (own) {
    return (
      <>
        {address} <span class="muted">this one</span>
      </>
    );
  }
  return dashboard ? <a href={dashboard}>{address}</a> : address;
}
