//! Any network may be cut anywhere, again and again, and any process killed meanwhile.

use std::{env, thread, time::Duration};

use flott_tests::{Host, Network, Random, eventually};
use nix::sys::signal::Signal;

use super::stage::{LEASE, SLACK, Stage};

/// Set to another seed, or to more rounds, to look for what nobody has thought of.
const SEED: &str = "FLOTT_PARTITION_SEED";
const ROUNDS: &str = "FLOTT_PARTITION_ROUNDS";

/// For how long something is cut: from what nobody notices to beyond all time limits.
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(7);

#[test]
fn whatever_is_cut_records_count_once_and_one_leads_in_the_end() {
    let name = "partition::random::whatever_is_cut_records_count_once_and_one_leads_in_the_end";
    let Some(network) = Network::inside(name) else { return };
    let Some(mut stage) = Stage::set_up(network, 3, 3) else { return };
    let number = |name: &str, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seed, rounds) = (number(SEED, 20_261_123), number(ROUNDS, 3));
    eprintln!("{SEED}={seed}");
    let mut random = Random::new(seed);
    for round in 0..rounds {
        eprintln!("round {round}");
        for _ in 0..=random.below(3) {
            cut(&stage, &mut random);
            thread::sleep(random.between(SHORTEST, LONGEST));
            kill(&stage, &mut random);
            if random.below(2) == 0 {
                stage.network.heal();
            }
        }
        stage.network.heal();
        stage.leader = stage.cluster.wait_for_leader(LEASE + SLACK, None);
        stage.expect_one_leader();
        stage.expect_progress();
    }
    stage.expect_clean_end();
}

/// Kills something or nothing. What cannot come back by itself is started again.
fn kill(stage: &Stage, random: &mut Random) {
    let cluster = &stage.cluster;
    match random.below(6) {
        0 => {
            if let Some(host) = random.one_of(cluster.task_hosts()) {
                eprintln!("kill a task host");
                host.signal(Signal::SIGKILL);
            }
        }
        1 => {
            let Some(host) = random.one_of(stage.workers.iter().collect()) else { return };
            eprintln!("kill the TaskManager on {}", host.address());
            cluster.task_manager_on(host).signal(Signal::SIGKILL);
            cluster.start_task_manager_on(host);
        }
        2 => {
            let master = usize::from(random.below(2) == 1);
            eprintln!("kill the JobManager on {}", stage.masters[master].address());
            cluster.process_of(master).unwrap().signal(Signal::SIGKILL);
            eventually("its port is free", || cluster.process_of(master).is_none().then_some(()));
            cluster.start_master_on(&stage.masters[master]);
        }
        _ => {}
    }
}

/// Cuts some hosts off from the others, in both directions or in one.
fn cut(stage: &Stage, random: &mut Random) {
    let all: Vec<&Host> = [&stage.masters, &stage.workers, &stage.members].into_iter().flatten().collect();
    let chance = 2 + random.below(4);
    let (some, others): (Vec<&Host>, Vec<&Host>) = all.into_iter().partition(|_| random.below(chance) == 0);
    let addresses = |hosts: &[&Host]| hosts.iter().map(|host| host.address()).collect::<Vec<_>>();
    let direction = random.below(3);
    eprintln!("cut {direction}: {:?} | {:?}", addresses(&some), addresses(&others));
    match direction {
        0 => stage.network.split(&some, &others),
        1 => stage.network.cut(&some, &others),
        _ => stage.network.cut(&others, &some),
    }
}
