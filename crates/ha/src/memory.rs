//! Records in memory, for `none`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use crate::store::Op;

/// What is there as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    records: Mutex<BTreeMap<String, Bytes>>,
}

impl Memory {
    pub(crate) fn list(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let from = records.range(prefix.to_owned()..);
        from.take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    pub(crate) fn commit(&self, ops: Vec<Op>) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for op in ops {
            match op {
                Op::Put { key, value } => drop(records.insert(key, value)),
                Op::Delete { key } => drop(records.remove(&key)),
                Op::DeletePrefix { prefix } => records.retain(|key, _| !key.starts_with(&prefix)),
            }
        }
    }
}
