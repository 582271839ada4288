use std::path::{Component, Path};

use flott_runtime::{BoxError, Timestamp};
use jiff::{fmt::strtime, tz::TimeZone};

use super::error::Error;

/// What is known when the bucket of a record is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketContext {
    /// The record's timestamp, if it has one.
    pub timestamp: Option<Timestamp>,
    /// How far event time has come; `Timestamp::MIN` if it has not begun.
    pub watermark: Timestamp,
    /// The time now.
    pub processing_time: Timestamp,
}

/// Chooses the subdirectory of a record.
///
/// A closure that returns its name is one, too.
pub trait BucketAssigner<T>: Clone + Send + Sync + 'static {
    /// Makes it ready, once in each subtask.
    ///
    /// # Errors
    /// If it can't be used; the job fails with it.
    fn open(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Appends the name of the subdirectory to `id`, which is empty: a relative path without `..` and without names that
    /// begin with a dot. If it stays empty the record goes to the sink's directory itself.
    ///
    /// # Errors
    /// If there is no bucket for it; the job fails with it.
    fn assign(&mut self, record: &T, context: &BucketContext, id: &mut String) -> Result<(), BoxError>;
}

/// All records go to one directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoBuckets;

impl<T> BucketAssigner<T> for NoBuckets {
    #[inline]
    fn assign(&mut self, _: &T, _: &BucketContext, _: &mut String) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, F> BucketAssigner<T> for F
where
    F: Fn(&T, &BucketContext) -> String + Clone + Send + Sync + 'static,
{
    fn assign(&mut self, record: &T, context: &BucketContext, id: &mut String) -> Result<(), BoxError> {
        id.push_str(&self(record, context));
        Ok(())
    }
}

/// A bucket for each hour, or for what else the format tells apart; Flink's `DateTimeBucketAssigner`. By default
/// processing time counts, in the time zone of the machine.
#[derive(Clone, Debug)]
pub struct DateTimeBuckets {
    format: String,
    zone_name: Option<String>,
    event_time: bool,
    zone: TimeZone,
    /// The second that was named last, and its name.
    last: Option<(i64, String)>,
}

impl Default for DateTimeBuckets {
    fn default() -> Self {
        Self::new()
    }
}

impl DateTimeBuckets {
    /// Hours, as `2024-12-31--23`.
    pub fn new() -> Self {
        Self {
            format: "%Y-%m-%d--%H".to_owned(),
            zone_name: None,
            event_time: false,
            zone: TimeZone::UTC,
            last: None,
        }
    }

    /// The name of the bucket of a time, in the language of `strftime`, down to seconds: `"%Y/%m/%d"`, say.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = format.into();
        self
    }

    /// The time zone by its IANA name, such as `Europe/Berlin` or `UTC`.
    #[must_use]
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.zone_name = Some(name.into());
        self
    }

    /// The time that counts is the record's timestamp. The job fails at a record that has none.
    #[must_use]
    pub fn by_event_time(mut self) -> Self {
        self.event_time = true;
        self
    }

    fn name(&self, time: Timestamp) -> Result<String, Error> {
        let failed = |cause| Error::Time { time, format: self.format.clone(), cause };
        let instant = jiff::Timestamp::from_millisecond(time.as_millis()).map_err(failed)?;
        strtime::format(&self.format, &instant.to_zoned(self.zone.clone())).map_err(failed)
    }
}

impl<T> BucketAssigner<T> for DateTimeBuckets {
    fn open(&mut self) -> Result<(), BoxError> {
        self.zone = match &self.zone_name {
            None => TimeZone::system(),
            Some(zone) => TimeZone::get(zone).map_err(|cause| Error::Zone { zone: zone.clone(), cause })?,
        };
        // A wrong format fails before the first record.
        self.name(Timestamp::EPOCH)?;
        Ok(())
    }

    fn assign(&mut self, _: &T, context: &BucketContext, id: &mut String) -> Result<(), BoxError> {
        let time = match self.event_time {
            true => context.timestamp.ok_or(Error::NoTimestamp)?,
            false => context.processing_time,
        };
        let second = time.as_millis().div_euclid(1_000);
        let last = match &mut self.last {
            Some(last) if last.0 == second => last,
            _ => {
                let name = self.name(time)?;
                self.last.insert((second, name))
            }
        };
        id.push_str(&last.1);
        Ok(())
    }
}

/// Refuses buckets that lie elsewhere or that nobody would find.
pub(super) fn check(id: &str) -> Result<(), Error> {
    let refused = |why| Err(Error::Bucket { id: id.to_owned(), why });
    if id.contains('\0') {
        return refused("a name cannot contain a null character");
    }
    for component in Path::new(id).components() {
        match component {
            Component::Normal(name) if name.as_encoded_bytes().starts_with(b".") => {
                return refused("a name that begins with a dot is hidden from readers");
            }
            Component::Normal(_) => {}
            _ => return refused("it must be a path below the sink's directory"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(timestamp: Option<i64>, now: i64) -> BucketContext {
        BucketContext {
            timestamp: timestamp.map(Timestamp::from_millis),
            watermark: Timestamp::MIN,
            processing_time: Timestamp::from_millis(now),
        }
    }

    fn bucket(buckets: &mut DateTimeBuckets, context: &BucketContext) -> Result<String, String> {
        let mut id = String::new();
        let assigned = BucketAssigner::<()>::assign(buckets, &(), context, &mut id);
        assigned.map(|()| id).map_err(|error| error.to_string())
    }

    fn opened(mut buckets: DateTimeBuckets) -> DateTimeBuckets {
        BucketAssigner::<()>::open(&mut buckets).unwrap();
        buckets
    }

    #[test]
    fn times_have_the_names_of_their_hours() {
        let mut utc = opened(DateTimeBuckets::new().time_zone("UTC"));
        assert_eq!(bucket(&mut utc, &context(None, 0)).unwrap(), "1970-01-01--00");
        assert_eq!(bucket(&mut utc, &context(Some(0), -1)).unwrap(), "1969-12-31--23");
        assert_eq!(bucket(&mut utc, &context(None, 0)).unwrap(), "1970-01-01--00");
        let berlin = DateTimeBuckets::new().time_zone("Europe/Berlin").format("%Y/%m/%d %H").by_event_time();
        // Summer.
        assert_eq!(
            bucket(&mut opened(berlin), &context(Some(1_720_000_000_000), 0)).unwrap(),
            "2024/07/03 11"
        );
    }

    #[test]
    fn what_has_no_name_is_refused() {
        let mut buckets = opened(DateTimeBuckets::new().by_event_time());
        assert!(bucket(&mut buckets, &context(None, 0)).unwrap_err().contains("assign timestamps"));
        let far = bucket(&mut buckets, &context(Some(i64::MAX), 0)).unwrap_err();
        assert!(far.contains("the time 9223372036854775807 ms"), "{far}");
        let open =
            |mut buckets: DateTimeBuckets| BucketAssigner::<()>::open(&mut buckets).unwrap_err().to_string();
        assert!(
            open(DateTimeBuckets::new().time_zone("Mars/Olympus")).contains("time zone \"Mars/Olympus\"")
        );
        assert!(open(DateTimeBuckets::new().format("%E")).contains("as \"%E\""));
    }

    #[test]
    fn buckets_stay_below_the_directory() {
        for good in ["", "a", "a/b", "a=1/b 2", "Ü"] {
            check(good).unwrap();
        }
        for bad in ["..", "a/../b", "/a", "./a", ".a", "a/.b", "a\0"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
