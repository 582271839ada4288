use proptest::{collection::vec, prelude::*};

use super::*;

/// One of everything; also what the golden file holds.
fn example() -> OperatorManifest {
    let entry = |table, group, segment, file, offset, length| SegmentEntry {
        table,
        group,
        segment,
        file,
        offset,
        length,
        checksum: 0xdead_0000 | group << 4 | segment,
    };
    OperatorManifest {
        key_groups: 3..9,
        keyed: vec![
            KeyedPart {
                name: "state".into(),
                tables: vec![b"counts".to_vec(), Vec::new()],
                layout: vec![1, 2, 3],
                segments: vec![
                    entry(0, 3, 0, 1, 32, 100),
                    entry(0, 3, 1, 1, 132, 1000),
                    entry(0, 8, 0, 2, 70_000, 5),
                    entry(1, 3, 7, 1, 1132, 0),
                    entry(1, 4, 0, 0, 0, 4),
                ],
            },
            KeyedPart { name: "timers".into(), tables: vec![b"t".to_vec()], ..KeyedPart::default() },
        ],
        inline: b"wxyz".to_vec(),
        lists: vec![
            ListState {
                name: "pending".into(),
                redistribution: Redistribution::Split,
                schema: b"schema".to_vec(),
                elements: vec![b"a".to_vec(), Vec::new(), vec![0; 300]],
            },
            ListState {
                name: "all".into(),
                redistribution: Redistribution::Union,
                schema: Vec::new(),
                elements: vec![b"b".to_vec()],
            },
            ListState {
                name: "rules".into(),
                redistribution: Redistribution::Broadcast,
                schema: Vec::new(),
                elements: Vec::new(),
            },
        ],
        files: vec![
            StateFile { path: "../shared/8c5e".into(), size: 2000 },
            StateFile { path: "s3://other/job/shared/1".into(), size: 1 << 40 },
        ],
    }
}

fn decode(bytes: &[u8]) -> Result<OperatorManifest> {
    OperatorManifest::decode(&"file:/m", &Bytes::copy_from_slice(bytes))
}

/// A file with this payload and all that must be right about a file.
fn sealed(payload: &[u8]) -> Bytes {
    envelope::seal(FileKind::Manifest, payload)
}

#[test]
fn golden_file_of_version_1() {
    crate::golden::check("manifest-1", &example().encode().unwrap(), |bytes| {
        assert_eq!(decode(bytes).unwrap(), example());
    });
}

#[test]
fn many_segments_take_little_space() {
    let mut manifest = OperatorManifest { key_groups: 0..128, ..OperatorManifest::default() };
    manifest.files =
        (0..16).map(|i| StateFile { path: format!("../shared/{i:036}"), size: 64 << 20 }).collect();
    let mut ends = [32; 17];
    let mut segments = Vec::new();
    for i in 0..130_000 {
        // Written to file after file, now and then again, to the last one.
        let file = if i % 100 == 3 { 16 } else { 1 + i / 8700 };
        let length = 7000 + i % 1000;
        let (group, segment) = (i / 1016, i % 1016);
        let offset = ends[file as usize];
        ends[file as usize] += u64::from(length);
        segments.push(SegmentEntry {
            table: 0,
            group,
            segment,
            file,
            offset,
            length,
            checksum: i.wrapping_mul(0x9e37_79b9),
        });
    }
    manifest.keyed.push(KeyedPart {
        name: "state".into(),
        tables: vec![vec![0; 100]],
        layout: Vec::new(),
        segments,
    });
    let bytes = manifest.encode().unwrap();
    assert!(bytes.len() < 1_000_000, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes).unwrap(), manifest);
}

#[test]
fn every_truncation_of_the_payload_is_refused_with_its_place() {
    let payload = example().encode().unwrap().slice(envelope::HEADER_LENGTH..);
    for length in 0..payload.len() {
        match decode(&sealed(&payload[..length])) {
            Err(Error::Damaged { file, offset, .. }) => {
                assert_eq!(&*file, "file:/m");
                assert!(offset <= (envelope::HEADER_LENGTH + length) as u64, "{length}: {offset}");
            }
            other => panic!("{length}: {other:?}"),
        }
    }
    let longer = [&payload[..], b"x"].concat();
    let error = decode(&sealed(&longer)).unwrap_err().to_string();
    assert!(error.ends_with("1 bytes too many"), "{error}");
}

#[test]
fn what_refers_to_nothing_is_neither_written_nor_read() {
    let mut cases: Vec<(OperatorManifest, &str)> = Vec::new();
    let mut with = |change: fn(&mut SegmentEntry), problem: &'static str| {
        let mut manifest = example();
        change(&mut manifest.keyed[0].segments[0]);
        cases.push((manifest, problem));
    };
    with(|entry| entry.file = 3, "outside its file");
    with(|entry| entry.offset = 1901, "outside its file");
    with(|entry| entry.offset = u64::MAX, "outside its file");
    with(|entry| entry.table = 2, "has no table 2");
    with(|entry| entry.group = 9, "key group 9 is not in 3..9");
    for (manifest, problem) in cases {
        let error = manifest.encode().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn lengths_are_not_believed() {
    // Key groups 0..0, then more files than there are bytes.
    let payload = [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let error = decode(&sealed(&payload)).unwrap_err().to_string();
    assert!(error.contains("18446744073709551615 files cannot be in the 0 bytes"), "{error}");
    let error = decode(&sealed(&[0xff; 30])).unwrap_err().to_string();
    assert!(error.contains("does not fit into 64 bits"), "{error}");
}

fn entries() -> impl Strategy<Value = Vec<SegmentEntry>> {
    let entry = (0..3_u16, 0..128_u32, any::<u32>(), 0..4_u32, 0..1_u64 << 40, any::<u32>(), any::<u32>());
    vec(
        entry.prop_map(|(table, group, segment, file, offset, length, checksum)| {
            let (offset, length) = if file == 0 { (offset % 50, length % 50) } else { (offset, length) };
            SegmentEntry { table, group, segment, file, offset, length, checksum }
        }),
        0..50,
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(segments in entries()) {
        let file = StateFile { path: "f".into(), size: u64::MAX };
        let manifest = OperatorManifest {
            key_groups: 0..128,
            keyed: vec![KeyedPart { tables: vec![Vec::new(); 3], segments, ..KeyedPart::default() }],
            inline: vec![0; 100],
            lists: Vec::new(),
            files: vec![file; 3],
        };
        prop_assert_eq!(decode(&manifest.encode().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn no_payload_makes_it_panic(mut payload in vec(any::<u8>(), 0..200), valid in any::<bool>(), at in any::<usize>()) {
        if valid {
            let mut example = example().encode().unwrap().slice(envelope::HEADER_LENGTH..).to_vec();
            let at = at % example.len();
            let end = (at + payload.len()).min(example.len());
            example[at..end].copy_from_slice(&payload[..end - at]);
            payload = example;
        }
        drop(decode(&sealed(&payload)));
    }
}
