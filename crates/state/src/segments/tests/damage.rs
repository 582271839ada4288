//! The format, and what becomes of bytes that do not have it.

use super::*;
use crate::{Error, RestoredSegment, TableDescription};

fn segment<'a>(
    table: &'a TableDescription,
    (group, segment): (u32, u32),
    bytes: &'a [u8],
) -> RestoredSegment<'a> {
    RestoredSegment { table, group, segment, bytes, location: None }
}

/// Two keys of group 3 of 4, as version 1 of the format has them. Snapshots of old releases consist of this.
const GOLDEN: &[u8] = &[1, 2, 3, 0, 19, 2, 7, 8];

#[test]
fn golden_bytes() {
    let mut table = table();
    set(&mut table, 19, vec![7, 8]);
    set(&mut table, 3, vec![]);
    let mut files = Files::default();
    let snapshot = files.snapshot(&mut table, 1, true);
    let mut bytes: Vec<_> = snapshot
        .segments
        .iter()
        .map(|(address, location)| (address.group, address.segment, files.bytes(*location).to_vec()))
        .collect();
    bytes.sort();
    assert_eq!(bytes, [(3, 1, GOLDEN.to_vec())]);
    let description = postcard::to_stdvec(&table.describe()[0]).unwrap();
    assert_eq!(description, b"\x06values\x00\x01\x07\x02\x01\x00\x00\x02\x0a\x01\x07\x00\x00");
}

#[test]
fn damaged_bytes_are_refused_with_their_place() {
    let description = &table().describe()[0];
    let mut whole = table();
    whole.restore(&segment(description, (3, 1), GOLDEN)).unwrap();
    assert_eq!(content(&whole), Model::from([(19, vec![7, 8]), (3, vec![])]));
    for length in 0..GOLDEN.len() {
        let error = table().restore(&segment(description, (3, 1), &GOLDEN[..length])).unwrap_err();
        let Error::DamagedSegment { group: 3, segment: 1, offset, .. } = error else { panic!("{error}") };
        assert!(offset <= length);
    }
    for at in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut bytes = GOLDEN.to_vec();
            bytes[at] ^= 1 << bit;
            let mut table = table();
            // A value may be another one then, which only a checksum can tell, but a key is in another group.
            let _ = table.restore(&segment(description, (3, 1), &bytes));
            assert!(table.iter().all(|(key, _)| stable_hash(key) >> 32 & 3 == 3));
        }
    }
    let refused = |address, bytes: &[u8]| {
        table().restore(&segment(description, address, bytes)).unwrap_err().to_string()
    };
    let huge = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(
        refused((3, 1), &huge),
        "segment 1 of key group 3 of state `values` is damaged at byte 1 of it: it says that 18446744073709551615 \
         values follow"
    );
    let huge_value = [1, 1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(refused((3, 1), &huge_value).contains("byte 3"));
    assert!(refused((3, 1), &[2, 0]).contains("format version 2"));
    assert!(refused((3, 0), GOLDEN).contains("no segment of this number"));
    assert!(refused((2, 1), GOLDEN).contains("belongs to key group 3 of 4"));
    assert!(refused((3, 1), &[1, 2, 3, 0, 3, 0]).contains("a key that is there already"));
    assert!(refused((3, 1), &[1, 1, 3, 0, 9]).contains("1 bytes are left"));
}
