//! Schemas are stored in snapshots: what they look like there must stay.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::schema::Schema;

#[derive(Serialize, Deserialize)]
enum Shape {
    Circle(f64),
    Box { w: u32, h: u32 },
    Empty,
}

#[derive(Serialize, Deserialize)]
struct Tree {
    shape: Shape,
    id: NonZeroU32,
    parts: BTreeMap<String, Tree>,
}

fn bytes<T: Serialize + DeserializeOwned>() -> String {
    let schema = Schema::of::<T>();
    let bytes = postcard::to_allocvec(&schema).unwrap();
    assert_eq!(postcard::from_bytes::<Schema>(&bytes).unwrap(), schema);
    bytes.escape_ascii().to_string()
}

#[test]
fn fingerprints() {
    let fingerprints = [
        Schema::of::<()>(),
        Schema::of::<u64>(),
        Schema::of::<String>(),
        Schema::of::<(i8, char, bool, f32)>(),
        Schema::of::<Option<Vec<u8>>>(),
        Schema::of::<Duration>(),
        Schema::of::<NonZeroU32>(),
        Schema::of::<Tree>(),
    ]
    .map(|schema| schema.fingerprint());
    assert_eq!(
        fingerprints,
        [
            12_363_696_039_452_112_576,
            14_669_971_799_695_015_056,
            4_823_829_032_131_676_414,
            5_926_715_328_320_818_651,
            4_068_026_777_850_376_278,
            1_470_697_109_846_590_192,
            9_269_328_314_426_013_595,
            6_856_133_984_978_344_161
        ]
    );
}

#[test]
fn stored_form() {
    assert_eq!(bytes::<u64>(), r"\x01\x07\x03");
    assert_eq!(
        bytes::<(i8, char, bool, f32, serde_bytes::ByteBuf)>(),
        r"\x06\x0c\x05\x01\x02\x03\x04\x05\x08\x00\x02\x01\x05\x04"
    );
    assert_eq!(
        bytes::<Tree>(),
        r"\t\r\x03\x05shape\x01\x02id\x02\x05parts\x03\x0e\x03\x06Circle\x04\x03Box\x05\x05Empty\x06\x0f\x0cNonZero<u32>\x01\x07\x0b\x08\x00\x06\r\x02\x01w\x07\x01h\x07\x00\x07\x02\x03"
    );
}
