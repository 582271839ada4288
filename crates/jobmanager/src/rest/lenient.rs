//! Fields of requests in the forms in which clients write them: scripts and templates put quotes around numbers and booleans, or
//! leave them out around texts. Flink takes either.

use serde::{Deserialize, Deserializer};

/// A text, which may be written as a number or a boolean.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected a string, a number or a boolean")]
pub(crate) enum Scalar {
    Text(String),
    Bool(bool),
    Number(serde_json::Number),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Bool(value) => value.to_string(),
            Scalar::Number(number) => number.to_string(),
        }
    }
}

/// A list of texts.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let list = Option::<Vec<Scalar>>::deserialize(deserializer)?;
    Ok(list.map(|list| list.into_iter().map(String::from).collect()))
}

/// A whole number, or a text that is one.
pub(crate) fn number<'de, D: Deserializer<'de>, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    N: Deserialize<'de> + std::str::FromStr,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a whole number that is not negative")]
    enum Written<N> {
        Number(N),
        Text(String),
    }
    match Option::<Written<N>>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(number)) => Ok(Some(number)),
        Some(Written::Text(text)) => {
            let refused = |_| serde::de::Error::custom(format!("\"{text}\" is no whole number from 0 on"));
            text.trim().parse().map(Some).map_err(refused)
        }
    }
}

/// `true` or `false`, or a text that is.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a boolean")]
    enum Written {
        Flag(bool),
        Text(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Flag(flag)) => Ok(Some(flag)),
        Some(Written::Text(text)) => {
            let refused = |_| serde::de::Error::custom(format!("\"{text}\" is neither true nor false"));
            text.trim().parse().map(Some).map_err(refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Form {
        #[serde(deserialize_with = "texts")]
        list: Option<Vec<String>>,
        #[serde(deserialize_with = "number")]
        number: Option<u32>,
        #[serde(deserialize_with = "flag")]
        flag: Option<bool>,
    }

    fn read(json: &str) -> Result<Form, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn quotes_make_no_difference() {
        let expected = Form {
            list: Some(vec!["a".to_owned(), "1".to_owned(), "true".to_owned()]),
            number: Some(2),
            flag: Some(true),
        };
        assert_eq!(read(r#"{"list":["a",1,true],"number":2,"flag":true}"#).unwrap(), expected);
        assert_eq!(read(r#"{"list":["a","1","true"],"number":"2","flag":"true"}"#).unwrap(), expected);
        assert_eq!(read(r#"{"list":null,"number":null,"flag":null}"#).unwrap(), Form::default());
        assert_eq!(read("{}").unwrap(), Form::default());
    }

    #[test]
    fn what_is_of_another_kind_is_refused() {
        for (json, expected) in [
            (r#"{"list":"a"}"#, "expected a sequence"),
            (r#"{"list":[{}]}"#, "expected a string, a number or a boolean"),
            (r#"{"number":-1}"#, "expected a whole number that is not negative"),
            (r#"{"number":"many"}"#, "\"many\" is no whole number"),
            (r#"{"flag":1}"#, "expected a boolean"),
            (r#"{"flag":"yes"}"#, "\"yes\" is neither"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
