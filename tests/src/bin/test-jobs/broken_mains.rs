//! Programs whose `main` is wrong.

use std::{
    collections::hash_map::RandomState, hash::BuildHasher, io::Write, process, thread, time::Duration,
};

use clap::Parser;
use flott::{BoxError, prelude::*};

use crate::sinks::Discard;

/// A dataflow that depends on chance, so that no task host has the planned one.
pub(crate) fn random_uid() -> Result<(), BoxError> {
    let chance = RandomState::new().hash_one(());
    let env = StreamExecutionEnvironment::new();
    env.from_sequence(1, 100).map(|number| number).uid(format!("map-{chance}")).sink_to(Discard, "nowhere");
    env.execute("random-uid")?;
    Ok(())
}

/// A dataflow that depends on what happens to be in the environment of the process.
pub(crate) fn changing_parallelism() -> Result<(), BoxError> {
    let parallelism = if std::env::var_os("FLOTT_PLAN_FILE").is_some() { 1 } else { 2 };
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(parallelism);
    env.from_sequence(1, 100).map(|number| number).sink_to(Discard, "nowhere");
    env.execute("changing-parallelism")?;
    Ok(())
}

#[derive(Parser)]
struct Exits {
    #[arg(long, default_value_t = 7)]
    code: i32,
}

pub(crate) fn exits() -> Result<(), BoxError> {
    let Exits { code } = Exits::parse();
    eprintln!("leaving early");
    process::exit(code)
}

pub(crate) fn panics() -> Result<(), BoxError> {
    panic!("no dataflow today")
}

pub(crate) fn hangs() -> Result<(), BoxError> {
    println!("thinking");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// More than any pipe or log wants to hold.
const GARBAGE_BYTES: usize = 4 << 20;

pub(crate) fn garbage() -> Result<(), BoxError> {
    let bytes: Vec<u8> = (0..GARBAGE_BYTES).map(|index| (index * 31 % 251) as u8).collect();
    std::io::stdout().write_all(&bytes)?;
    std::io::stderr().write_all(&bytes)?;
    Ok(())
}

pub(crate) fn fails() -> Result<(), BoxError> {
    Err("the moon is not full".into())
}

pub(crate) fn empty() -> Result<(), BoxError> {
    StreamExecutionEnvironment::new().execute("empty")?;
    Ok(())
}

pub(crate) fn same_uid_twice() -> Result<(), BoxError> {
    let env = StreamExecutionEnvironment::new();
    let numbers = env.from_sequence(1, 100);
    numbers.map(|number| number).name("one").uid("twin").sink_to(Discard, "nowhere");
    numbers.map(|number| number).name("other").uid("twin").sink_to(Discard, "nowhere");
    env.execute("same-uid-twice")?;
    Ok(())
}
