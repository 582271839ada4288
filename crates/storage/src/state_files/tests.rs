use flott_core::checkpoint::StateFile;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::*;
use crate::{
    Error, FailureKind, Operation, Storage, StorageOptions, StorageUri, envelope,
    testing::{Fault, Faults},
};

struct Place {
    storage: Storage,
    faults: Faults,
    root: StorageUri,
    _directory: TempDir,
}

const SMALL: StateFileWriterOptions = StateFileWriterOptions { max_file_size: 10_000, queue_size: 5_000 };

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let faults = Faults::default();
        let options = StorageOptions::default().with_faults(faults.clone());
        let root = StorageUri::from_local(directory.path()).unwrap();
        Self { storage: Storage::open(&options), faults, root, _directory: directory }
    }

    fn writer(&self, options: StateFileWriterOptions) -> StateFileWriter {
        let (shared, base) = (self.root.join("shared"), self.root.join("chk-1"));
        StateFileWriter::new(&self.storage, &shared, &base, options, &Handle::current())
    }

    fn uris(&self, files: &[StateFile]) -> Vec<StorageUri> {
        files.iter().map(|file| self.root.join("chk-1").resolve(&file.path).unwrap()).collect()
    }

    fn reader(&self, files: &[StateFile], requests: Vec<SegmentRequest>, range_size: u64) -> StateFileReader {
        let options = StateFileReaderOptions { range_size, ahead: 3 };
        StateFileReader::start(&self.storage, self.uris(files), requests, options, &Handle::current())
    }

    async fn left(&self) -> usize {
        self.storage.list(&self.root).await.unwrap().len()
    }
}

fn request(location: &SegmentLocation) -> SegmentRequest {
    let SegmentLocation { file, offset, length, checksum } = *location;
    SegmentRequest { file: file as usize - 1, offset, length, checksum }
}

/// Segments of many lengths with differing bytes.
fn segments(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| (0..i * 37 % 3000).map(|at| (i * 31 + at) as u8).collect()).collect()
}

async fn write(place: &Place, segments: &[Vec<u8>]) -> (Vec<StateFile>, Vec<SegmentLocation>) {
    let mut writer = place.writer(SMALL);
    let mut locations = Vec::new();
    for segment in segments {
        while writer.is_full() {
            tokio::task::yield_now().await;
        }
        locations.push(writer.write(segment.clone()).unwrap());
    }
    let files = writer.finish().await.unwrap();
    (files, locations)
}

#[tokio::test]
async fn what_is_written_is_read() {
    let place = Place::new();
    let segments = segments(200);
    let (files, locations) = write(&place, &segments).await;
    assert!(files.len() > 20, "{}", files.len());
    for (file, uri) in files.iter().zip(place.uris(&files)) {
        assert!(file.path.starts_with("../shared/") && file.size <= SMALL.max_file_size, "{file:?}");
        assert_eq!(verify_state_file(&place.storage, &uri).await.unwrap(), file.size);
    }
    for range_size in [1, 1000, 1 << 20] {
        // Each second one, in another order.
        let wanted: Vec<_> = (0..200).rev().step_by(2).collect();
        let requests = wanted.iter().map(|index| request(&locations[*index])).collect();
        let mut reader = place.reader(&files, requests, range_size);
        let mut found = 0;
        while let Some(segment) = reader.next().await.unwrap() {
            assert_eq!(segment.bytes, segments[wanted[segment.request]]);
            found += 1;
        }
        assert_eq!(found, 100);
    }
}

#[tokio::test]
async fn a_segment_may_be_larger_than_a_file() {
    let place = Place::new();
    let segments = [vec![1; 10], vec![2; 50_000], vec![3; 10]];
    let (files, locations) = write(&place, &segments).await;
    assert_eq!(locations.iter().map(|location| location.file).collect::<Vec<_>>(), [1, 2, 3]);
    let mut reader = place.reader(&files, locations.iter().map(request).collect(), 100);
    for segment in segments {
        assert_eq!(reader.next().await.unwrap().unwrap().bytes, segment);
    }
    assert_eq!(reader.next().await.unwrap(), None);
}

#[tokio::test]
async fn nothing_leaves_no_files() {
    let place = Place::new();
    assert_eq!(place.writer(SMALL).finish().await.unwrap(), []);
    place.writer(SMALL).abort().await;
    let mut reader = place.reader(&[], Vec::new(), 100);
    assert_eq!(reader.next().await.unwrap(), None);
    assert_eq!(place.left().await, 0);
}

#[tokio::test]
async fn threads_that_may_wait_read_without_a_runtime() {
    let place = Place::new();
    let segments = segments(50);
    let (files, locations) = write(&place, &segments).await;
    let mut reader = place.reader(&files, locations.iter().map(request).collect(), 5000);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![Vec::new(); 50];
        while let Some(segment) = reader.blocking_next().unwrap() {
            bytes[segment.request] = segment.bytes.to_vec();
        }
        bytes
    });
    assert_eq!(read.await.unwrap(), segments);
}

#[tokio::test]
async fn slow_storage_makes_the_writer_full_and_never_wait() {
    let place = Place::new();
    place.faults.add(Fault::hang());
    let mut writer = place.writer(SMALL);
    assert!(!writer.is_full());
    let mut written = 0;
    while !writer.is_full() {
        writer.write(vec![0; 1000]).unwrap();
        written += 1000;
    }
    assert_eq!(written, SMALL.queue_size);
    let error = loop {
        match writer.write(vec![0; 1000]) {
            Ok(_) => written += 1000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::WriterFull { .. }), "{error}");
    assert_eq!(written, 8 * SMALL.queue_size);
}

#[tokio::test]
async fn a_full_disk_is_told_at_once_and_leaves_nothing() {
    let place = Place::new();
    // One file is complete before.
    place.faults.add(Fault::fail(FailureKind::Full).on(Operation::Write).after(3));
    let mut writer = place.writer(SMALL);
    let error = loop {
        while writer.is_full() {
            tokio::task::yield_now().await;
        }
        if let Err(error) = writer.write(vec![0; 3000]) {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert!(error.is_full(), "{error}");
    assert!(writer.error().is_some_and(Error::is_full));
    assert!(writer.finish().await.unwrap_err().is_full());
    assert_eq!(place.left().await, 0);
    let shared = place.root.join("shared");
    assert_eq!(std::fs::read_dir(shared.local_path().unwrap()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_aborted_is_deleted() {
    let place = Place::new();
    let mut writer = place.writer(SMALL);
    for _ in 0..10 {
        writer.write(vec![0; 3000]).unwrap();
        tokio::task::yield_now().await;
    }
    writer.abort().await;
    assert_eq!(place.left().await, 0);
    assert_eq!(
        std::fs::read_dir(place.root.join("shared").local_path().unwrap()).map_or(0, Iterator::count),
        0
    );
}

#[tokio::test]
async fn a_writer_without_runtime_says_so() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (shared, handle) = (place.root.join("shared"), runtime.handle().clone());
    let mut writer = StateFileWriter::new(&place.storage, &shared, &shared, SMALL, &handle);
    runtime.shutdown_background();
    drop(writer.write(vec![0; 10]));
    let error = writer.finish().await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
}

#[tokio::test]
async fn damaged_segments_are_refused_with_their_place() {
    let place = Place::new();
    let segments = segments(20);
    let (files, locations) = write(&place, &segments).await;
    let uri = place.uris(&files)[0].clone();
    let path = uri.local_path().unwrap();
    let good = std::fs::read(path).unwrap();
    let place = &place;
    let read = async || {
        let mut reader = place.reader(&files, locations.iter().map(request).collect(), 500);
        loop {
            match reader.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the damage was not found"),
                Err(error) => break error,
            }
        }
    };
    let at = locations[10];
    assert_eq!(at.file, 1);
    let mut changed = good.clone();
    changed[at.offset as usize + 5] ^= 1;
    std::fs::write(path, &changed).unwrap();
    let error = read().await;
    assert!(matches!(&error, Error::Damaged { offset, .. } if *offset == at.offset), "{error}");
    assert!(error.to_string().starts_with(&format!("{uri} is damaged at byte {}: ", at.offset)), "{error}");
    assert!(matches!(verify_state_file(&place.storage, &uri).await, Err(Error::Damaged { offset: 32, .. })));

    std::fs::write(path, &good[..at.offset as usize + 5]).unwrap();
    let error = read().await;
    assert!(matches!(&error, Error::Damaged { offset, .. } if *offset == at.offset + 5), "{error}");

    let mut changed = good.clone();
    changed[9] ^= 1;
    std::fs::write(path, &changed).unwrap();
    assert!(matches!(read().await, Error::Damaged { offset: 0, .. }));

    std::fs::remove_file(path).unwrap();
    assert!(read().await.is_missing());
}

/// A state file with a few segments, as bytes.
fn example() -> Vec<u8> {
    let payload = [b"first".as_slice(), b"", b"second"].concat();
    let checksum = crc32c::crc32c(&payload);
    let footer = envelope::stream_footer(payload.len() as u64, checksum);
    [&envelope::stream_header(envelope::FileKind::State)[..], &payload, &footer].concat()
}

#[tokio::test]
async fn every_truncation_and_every_flipped_bit_of_a_file_is_found() {
    let place = Place::new();
    let uri = place.root.join("file");
    let file = example();
    let found = async |bytes: &[u8]| {
        place.storage.put(&uri, bytes.to_vec().into()).await.unwrap();
        verify_state_file(&place.storage, &uri).await
    };
    assert_eq!(found(&file).await.unwrap(), file.len() as u64);
    for length in 0..file.len() {
        let error = found(&file[..length]).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
    }
    for byte in 0..file.len() {
        let mut changed = file.clone();
        changed[byte] ^= 1 << (byte % 8);
        let error = found(&changed).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{byte}: {error}");
    }
}

#[tokio::test]
async fn golden_file_of_version_1() {
    let place = Place::new();
    let mut writer = place.writer(SMALL);
    let segments = [b"first".as_slice(), b"", b"second"];
    let locations: Vec<_> = segments.iter().map(|segment| writer.write(segment.to_vec()).unwrap()).collect();
    let files = writer.finish().await.unwrap();
    let uri = place.uris(&files)[0].clone();
    let written = place.storage.get(&uri).await.unwrap();
    assert_eq!(written, example());
    let mut golden = None;
    crate::golden::check("state-1", &written, |bytes| golden = Some(bytes.clone()));
    place.storage.put(&uri, golden.unwrap()).await.unwrap();
    let mut reader = place.reader(&files, locations.iter().map(request).collect(), 100);
    for segment in segments {
        assert_eq!(reader.next().await.unwrap().unwrap().bytes, segment);
    }
}
