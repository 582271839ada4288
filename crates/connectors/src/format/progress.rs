use serde::{Deserialize, Serialize};

use crate::{FileSplit, file_source::error::Error};

/// What our formats note of a split that was read in part, beside the byte at which to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Line ends before that byte, if the file was read from its start.
    pub(super) lines: Option<u64>,
    /// How many fields each record has, if the first one has decided that.
    pub(super) fields: Option<u64>,
}

impl Progress {
    /// That of a split which is to be read: also of one of which nothing has been read yet.
    pub(super) fn of(split: &FileSplit) -> Result<Self, Error> {
        match split.progress() {
            Some(noted) => postcard::from_bytes(noted).map_err(|cause| {
                let path = split.path().display().to_string();
                Error::Progress { path, offset: split.start(), cause }
            }),
            None => Ok(Self { lines: (split.start() == 0).then_some(0), fields: None }),
        }
    }

    /// The rest of `split` from `start` on.
    pub(super) fn rest(self, split: &FileSplit, start: u64) -> FileSplit {
        split.rest(start, postcard::to_stdvec(&self).expect("two numbers can always be written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_refused_with_its_place() {
        let split = FileSplit::new("/data/in", 0, 100);
        let rest = Progress { lines: Some(3), fields: None }.rest(&split, 17);
        assert_eq!(Progress::of(&rest).unwrap(), Progress { lines: Some(3), fields: None });
        let error = Progress::of(&split.rest(17, vec![9])).unwrap_err().to_string();
        assert!(error.contains("/data/in at byte 17") && error.contains("damaged"), "{error}");
    }
}
