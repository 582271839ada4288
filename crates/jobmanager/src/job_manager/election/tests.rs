use flott_core::config::Configuration;
use flott_storage::{Storage, StorageOptions, StorageUri};

use super::*;
use crate::{clock::Clock, ha::Candidate, leader_scope::Uploads};

/// One that keeps jobs for accidents only, in `root`.
async fn election(root: &std::path::Path) -> (Election, watch::Receiver<Option<Arc<LeaderScope>>>) {
    let settings = [format!("web.tmpdir={}", root.display()), "jobmanager.rpc.port=6123".to_owned()];
    let settings = settings.iter().map(String::as_str);
    let (config, _) = Configuration::parse_with_overrides("", "config.yaml", settings).unwrap();
    let candidate = Candidate {
        instance_id: "a".to_owned(),
        rpc_address: "host:1".to_owned(),
        rest_address: "host:2".to_owned(),
    };
    let high_availability = HighAvailability::open(&config, candidate).await.unwrap();
    let (present, scope) = watch::channel(None);
    let told_to_end = CancellationToken::new();
    let options = ScopeOptions {
        config,
        clock: Clock::start(),
        storage: Storage::open(&StorageOptions::default()),
        temp_root: root.to_owned(),
        uploads: Uploads::Temporary,
        checkpoint_root: StorageUri::from_local(root).unwrap(),
    };
    let election = Election {
        high_availability,
        options,
        present,
        first: None,
        shutdown: told_to_end.child_token(),
        told_to_end,
        undrained: Arc::default(),
    };
    (election, scope)
}

#[tokio::test]
async fn jobs_are_deleted_only_when_this_process_was_told_to_end() {
    for is_told in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let (election, mut scope) = election(root.path()).await;
        let kept = election.high_availability.local_directory().unwrap();
        let end = if is_told { election.told_to_end.clone() } else { election.shutdown.clone() };
        let mut running = tokio::task::JoinSet::new();
        running.spawn(election.run());
        scope.wait_for(Option::is_some).await.unwrap();
        end.cancel();
        running.join_next().await.unwrap().unwrap();
        assert_eq!(kept.exists(), !is_told);
    }
}
