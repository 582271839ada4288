//! All series there are, and the bound on them.

use std::collections::BTreeMap;

use super::{
    CAPACITY, HistoryView, SeriesView, Subject, Wanted,
    series::{Key, Name, Series, Tick},
};

/// Most series of all subjects together. Full, they take up 29 MB.
pub(super) const LIMIT: usize = 10_000;

/// Most series while there are metrics of operators among them, which are many and seldom looked at: room is left for others.
const OPERATOR_LIMIT: usize = LIMIT / 4 * 3;

/// For how many series room is made when there is none left.
const ROOM: usize = LIMIT / 10;

/// All series.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    tracks: BTreeMap<Subject, Track>,
    /// How many series there are in all tracks.
    count: usize,
    /// The latest sample.
    now: Tick,
    /// Whether there was no room for a series in it.
    is_full: bool,
}

/// The series of one subject.
#[derive(Debug, Default)]
struct Track {
    /// In the order in which they are sampled, so that the next is found at once.
    series: Vec<Series>,
    /// The first and the latest sample.
    first: Tick,
    last: Tick,
    /// Nothing will follow.
    is_over: bool,
}

impl Recorder {
    /// Begins a sample. What has ended more than an hour ago is forgotten, and what has ended first if there was no room.
    pub(super) fn begin(&mut self, tick: Tick) {
        self.now = self.now.max(tick);
        if std::mem::take(&mut self.is_full) {
            self.evict();
        }
        self.retain(|_, track| tick.saturating_sub(track.last) < CAPACITY as u64);
    }

    /// Takes in the values of one subject.
    pub(super) fn sample(&mut self, of: Subject) -> Sample<'_> {
        let tick = self.now;
        let track = self.tracks.entry(of).or_insert_with(|| Track { first: tick, ..Track::default() });
        track.last = tick;
        Sample { track, count: &mut self.count, is_full: &mut self.is_full, tick, cursor: 0 }
    }

    /// Forgets subjects that are not worth to be kept.
    pub(super) fn retain_subjects(&mut self, is_known: impl Fn(&Subject) -> bool) {
        self.retain(|subject, _| is_known(subject));
    }

    /// Notes that nothing will follow.
    pub(super) fn end(&mut self, of: &Subject) {
        if let Some(track) = self.tracks.get_mut(of) {
            track.is_over = true;
        }
    }

    /// Whether the last of a subject is recorded already.
    pub(super) fn is_over(&self, of: &Subject) -> bool {
        self.tracks.get(of).is_some_and(|track| track.is_over)
    }

    /// The wanted series. `unix_ms` tells when a sample was taken.
    pub(super) fn read(&self, of: &Subject, wanted: &Wanted, unix_ms: impl Fn(Tick) -> i64) -> HistoryView {
        let Some(track) = self.tracks.get(of) else {
            return HistoryView { end: unix_ms(self.now), series: Vec::new() };
        };
        let earliest = track.first.max(track.last.saturating_sub(CAPACITY as u64 - 1));
        let ticks = earliest..=track.last;
        let is_later = |tick: &Tick| wanted.from.is_none_or(|from| unix_ms(*tick) > from);
        // Times rise with the ticks.
        let first = if wanted.is_list { None } else { ticks.clone().find(is_later) };
        let values = |series: &Series| match first {
            Some(first) => (first..=track.last).map(|tick| series.values.get(tick)).collect(),
            None => Vec::new(),
        };
        let series = track.series.iter().filter_map(|series| {
            let is_of_wanted = match series.vertex {
                None => wanted.own || wanted.vertices.is_empty(),
                Some(_) if wanted.vertices.is_empty() => !wanted.own,
                Some(vertex) => wanted.vertices.contains(&vertex),
            };
            if !is_of_wanted || (!wanted.is_list && wanted.ids.is_empty() && !series.is_default()) {
                return None;
            }
            let id = series.id();
            (wanted.ids.is_empty() || wanted.ids.contains(&id)).then(|| SeriesView {
                id,
                vertex: series.vertex,
                unit: series.unit,
                aggregation: series.aggregation,
                values: values(series),
            })
        });
        HistoryView { end: unix_ms(track.last), series: series.collect() }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Subject, &Track) -> bool) {
        let count = &mut self.count;
        self.tracks.retain(|subject, track| {
            let keep = keep(subject, track);
            *count -= if keep { 0 } else { track.series.len() };
            keep
        });
    }

    /// Makes room for others: what has ended first is forgotten.
    fn evict(&mut self) {
        while self.count > LIMIT - ROOM {
            let over = self.tracks.iter().filter(|(_, track)| track.is_over);
            let oldest = over.min_by_key(|(_, track)| track.last).map(|(subject, _)| subject.clone());
            let Some(oldest) = oldest else { break };
            self.retain_subjects(|subject| *subject != oldest);
        }
    }
}

/// Values of one subject as they are taken in, always in the same order.
pub(super) struct Sample<'a> {
    track: &'a mut Track,
    count: &'a mut usize,
    is_full: &'a mut bool,
    tick: Tick,
    /// Where the next series is, unless it is new or another one was left out.
    cursor: usize,
}

impl Sample<'_> {
    /// Appends a value to a series, which comes into being with the first value that is known.
    pub(super) fn put(&mut self, key: Key<'_>, value: f64) {
        let series = &mut self.track.series;
        let (before, after) = series.split_at(self.cursor.min(series.len()));
        let found = after.iter().position(|series| series.is(&key)).map(|index| before.len() + index);
        let found = found.or_else(|| before.iter().position(|series| series.is(&key)));
        let index = match found {
            Some(index) => index,
            None => {
                let limit = match key.name {
                    Name::Fixed(_) => LIMIT,
                    Name::Operator(..) => OPERATOR_LIMIT,
                };
                if !value.is_finite() {
                    return;
                }
                if *self.count >= limit {
                    *self.is_full = true;
                    return;
                }
                let index = before.len();
                series.insert(index, Series::new(key));
                *self.count += 1;
                index
            }
        };
        series[index].values.put(self.tick, value);
        self.cursor = index + 1;
    }
}

#[cfg(test)]
mod tests {
    use flott_core::{JobId, VertexId};

    use super::{super::Aggregation, *};

    const A: Key<'static> = Key::new("a", "records/s", Aggregation::Sum);
    const B: Key<'static> = Key::new("b", "ms", Aggregation::Max);

    fn job(number: usize) -> Subject {
        Subject::Job(JobId::from_bytes((number as u128).to_be_bytes()))
    }

    fn read(recorder: &Recorder, of: &Subject, wanted: &Wanted) -> String {
        let view = recorder.read(of, wanted, |tick| tick as i64 * 5_000);
        let series = view.series.iter().map(|series| format!("{}{:?}", series.id, series.values));
        format!("{} {}", view.end, series.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn all_series_of_a_subject_have_values_for_the_same_times() {
        let mut recorder = Recorder::default();
        for tick in 1..5_u64 {
            recorder.begin(tick);
            let mut sample = recorder.sample(job(1));
            sample.put(A, tick as f64);
            // Known from the third sample on, and the fourth is left out.
            if tick < 4 {
                sample.put(B, if tick == 3 { 30.0 } else { f64::NAN });
            }
        }
        recorder.begin(5);
        recorder.sample(Subject::Cluster);
        let all = Wanted::default();
        assert_eq!(read(&recorder, &job(1), &all), "20000 a[1.0, 2.0, 3.0, 4.0] b[NaN, NaN, 30.0, NaN]");
        let later = Wanted { from: Some(10_000), ids: vec!["a".to_owned()], ..Wanted::default() };
        assert_eq!(read(&recorder, &job(1), &later), "20000 a[3.0, 4.0]");
        let none = Wanted { from: Some(20_000), ..Wanted::default() };
        assert_eq!(read(&recorder, &job(1), &none), "20000 a[] b[]");
        let list = Wanted { is_list: true, ..Wanted::default() };
        assert_eq!(read(&recorder, &job(1), &list), "20000 a[] b[]");
        assert_eq!(read(&recorder, &job(2), &all), "25000 ");
        recorder.begin(4 + CAPACITY as u64);
        assert_eq!((recorder.tracks.len(), recorder.count), (1, 0), "after an hour it is forgotten");
    }

    #[test]
    fn a_jobs_own_series_can_be_had_without_those_of_its_vertices() {
        let (one, other) = (VertexId::of_operators(["one"]), VertexId::of_operators(["other"]));
        let mut recorder = Recorder::default();
        recorder.begin(1);
        let mut sample = recorder.sample(job(1));
        sample.put(A, 0.0);
        sample.put(A.of(one), 1.0);
        sample.put(A.of(other), 2.0);
        let values = |vertices: &[VertexId], own| {
            let wanted = Wanted { vertices: vertices.to_vec(), own, ..Wanted::default() };
            let view = recorder.read(&job(1), &wanted, |_| 0);
            view.series.iter().map(|series| series.values[0]).collect::<Vec<_>>()
        };
        assert_eq!(values(&[], false), [0.0, 1.0, 2.0]);
        assert_eq!(values(&[], true), [0.0]);
        assert_eq!(values(&[other], true), [0.0, 2.0]);
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let mut recorder = Recorder::default();
        let names: Vec<&'static str> = (0..1_000).map(|number: u32| &*number.to_string().leak()).collect();
        let sample = |recorder: &mut Recorder, number: usize| {
            let mut sample = recorder.sample(job(number));
            for &name in &names {
                sample.put(Key::new(name, "", Aggregation::Sum), 1.0);
            }
        };
        for number in 0..12 {
            recorder.begin(number as u64);
            sample(&mut recorder, number);
        }
        assert_eq!(recorder.count, LIMIT, "jobs that run are not given up for others");
        assert_eq!(recorder.tracks[&job(11)].series.len(), 0);
        recorder.end(&job(4));
        recorder.end(&job(3));
        assert!(recorder.is_over(&job(3)) && !recorder.is_over(&job(5)));
        recorder.begin(12);
        sample(&mut recorder, 12);
        assert!(!recorder.tracks.contains_key(&job(3)) && recorder.tracks.contains_key(&job(4)));
        assert_eq!((recorder.count, recorder.tracks[&job(12)].series.len()), (LIMIT, 1_000));
        recorder.retain_subjects(|subject| *subject == job(12));
        assert_eq!(recorder.count, 1_000);
    }
}
