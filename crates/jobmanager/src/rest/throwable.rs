//! A failure in the form in which Java clients read it: a serialized `org.apache.flink.util.SerializedThrowable`.
//!
//! Flink's own CLI waits for this field and shows the text in it; without it, it hangs until its timeout. The stream
//! is built by hand after the Java Object Serialization Specification, version 5, with the field layout and the
//! `serialVersionUID`s of the classes in Flink 2.

use base64::{Engine, engine::general_purpose::STANDARD};
use flott_core::FailureCause;
use schemars::JsonSchema;
use serde::Serialize;

use crate::view::ExceptionView;

/// A failure as asynchronous results carry it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SerializedThrowable {
    class: String,
    stack_trace: String,
    serialized_throwable: String,
}

/// What has failed in place of a result.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Failure<'a> {
    pub(crate) failure_cause: &'a SerializedThrowable,
    /// The same under the name that Flink's CLI looks for in the results of checkpoints; without it, it waits in vain.
    #[serde(rename = "failureCause", skip_serializing_if = "Option::is_none")]
    pub(crate) of_checkpoint: Option<&'a SerializedThrowable>,
}

impl SerializedThrowable {
    /// The failure of something that concerns no subtask. Where Flink names a Java class there stands its kind.
    pub(crate) fn of(cause: &FailureCause) -> Self {
        let exception = ExceptionView {
            cause: cause.clone(),
            unix_ms: 0, // not part of the text
            task_name: None,
            location: None,
            concurrent: Vec::new(),
        };
        Self::new(cause.kind.as_str(), &cause.message, exception.report())
    }

    /// A failure of this class with a message and the text that clients print.
    pub(crate) fn new(class: &str, message: &str, stack_trace: String) -> Self {
        Self {
            class: class.to_owned(),
            serialized_throwable: STANDARD.encode(serialize(class, message, &stack_trace)),
            stack_trace,
        }
    }
}

const STREAM_HEADER: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_STRING: u8 = 0x74;
const TC_ENDBLOCKDATA: u8 = 0x78;
const TC_LONGSTRING: u8 = 0x7c;
const SC_SERIALIZABLE: u8 = 0x02;
const SC_SERIALIZABLE_WITH_WRITE_METHOD: u8 = 0x03;
/// Handle of the string `Ljava/lang/String;`: the second object of the stream.
const STRING_TYPE_HANDLE: u32 = 0x007e_0001;

fn serialize(class: &str, message: &str, stack_trace: &str) -> Vec<u8> {
    let mut out = Stream(STREAM_HEADER.to_vec());
    out.byte(TC_OBJECT);
    out.class("org.apache.flink.util.SerializedThrowable", 0x6516_9df5_1fa7_13f3, SC_SERIALIZABLE, 3);
    out.field(b'L', "fullStringifiedStackTrace", Some("Ljava/lang/String;"));
    out.field(b'L', "originalErrorClassName", None);
    out.field(b'[', "serializedException", Some("[B"));
    out.byte(TC_ENDBLOCKDATA);
    out.class("java.lang.Exception", 0xd0fd_1f3e_1a3b_1cc4, SC_SERIALIZABLE, 0);
    out.byte(TC_ENDBLOCKDATA);
    out.class("java.lang.Throwable", 0xd5c6_3527_3977_b8cb, SC_SERIALIZABLE_WITH_WRITE_METHOD, 4);
    out.field(b'L', "cause", Some("Ljava/lang/Throwable;"));
    out.field(b'L', "detailMessage", None);
    out.field(b'[', "stackTrace", Some("[Ljava/lang/StackTraceElement;"));
    out.field(b'L', "suppressedExceptions", Some("Ljava/util/List;"));
    out.byte(TC_ENDBLOCKDATA);
    out.byte(TC_NULL); // no further superclass

    // Values of Throwable: cause, detailMessage, stackTrace, suppressedExceptions.
    out.byte(TC_NULL);
    out.string(message);
    out.byte(TC_NULL);
    out.byte(TC_NULL);
    out.byte(TC_ENDBLOCKDATA);
    // Values of SerializedThrowable.
    out.string(stack_trace);
    out.string(class);
    out.byte(TC_NULL);
    out.0
}

struct Stream(Vec<u8>);

impl Stream {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn class(&mut self, name: &str, serial_version_uid: u64, flags: u8, fields: u16) {
        self.byte(TC_CLASSDESC);
        self.short_utf(name);
        self.0.extend(serial_version_uid.to_be_bytes());
        self.byte(flags);
        self.0.extend(fields.to_be_bytes());
    }

    /// A field; without `type_name` it is a string, whose type was written before.
    fn field(&mut self, code: u8, name: &str, type_name: Option<&str>) {
        self.byte(code);
        self.short_utf(name);
        match type_name {
            Some(type_name) => self.string(type_name),
            None => {
                self.byte(TC_REFERENCE);
                self.0.extend(STRING_TYPE_HANDLE.to_be_bytes());
            }
        }
    }

    /// Names of classes and fields, all of them short constants of this module.
    fn short_utf(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("names of classes and fields are short");
        self.0.extend(length.to_be_bytes());
        self.0.extend(text.as_bytes());
    }

    fn string(&mut self, text: &str) {
        let bytes = modified_utf8(text);
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.byte(TC_STRING);
                self.0.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.byte(TC_LONGSTRING);
                self.0.extend((bytes.len() as u64).to_be_bytes());
            }
        }
        self.0.extend(bytes);
    }
}

/// Java's UTF-8: NUL takes two bytes, and characters beyond the basic plane are two surrogates of three bytes each.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            0x0001..=0x007f => bytes.push(unit as u8),
            0x0000 | 0x0080..=0x07ff => bytes.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
            _ => bytes.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_javas() {
        let bytes = serialize("C", "m", "trace");
        let mut expected = vec![0xac, 0xed, 0, 5, 0x73, 0x72, 0, 41];
        expected.extend(b"org.apache.flink.util.SerializedThrowable");
        expected.extend([0x65, 0x16, 0x9d, 0xf5, 0x1f, 0xa7, 0x13, 0xf3, 2, 0, 3]);
        expected.extend(b"L\0\x19fullStringifiedStackTracet\0\x12Ljava/lang/String;");
        expected.extend(b"L\0\x16originalErrorClassNameq\0\x7e\0\x01");
        expected.extend(b"[\0\x13serializedExceptiont\0\x02[Bx");
        assert_eq!(bytes[..expected.len()], expected);
        assert!(bytes.ends_with(b"ppt\0\x01mppxt\0\x05tracet\0\x01Cp"));
    }

    #[test]
    fn texts_are_in_javas_utf8() {
        assert_eq!(modified_utf8("a\0ü€"), b"a\xc0\x80\xc3\xbc\xe2\x82\xac");
        assert_eq!(modified_utf8("😀"), b"\xed\xa0\xbd\xed\xb8\x80");
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let bytes = serialize("C", "m", &"x".repeat(70_000));
        let long = [&[0x7c][..], &70_000_u64.to_be_bytes()].concat();
        assert!(bytes.windows(long.len()).any(|window| window == long));
    }
}
