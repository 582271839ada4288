//! Keeps secrets out of answers.

use std::collections::BTreeMap;

/// What stands in place of a secret.
const HIDDEN: &str = "******";

/// Parts of keys whose values are secrets, after Flink's list.
const SECRET_PARTS: [&str; 12] = [
    "password",
    "secret",
    "token",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "basic-auth",
    "jaas.config",
    "http-headers",
    "fs.azure.account.key",
    "credential",
];

/// Hides the values of keys that name secrets.
pub(crate) fn redact(settings: &mut BTreeMap<String, String>) {
    for (key, value) in settings {
        let key = key.to_ascii_lowercase();
        if SECRET_PARTS.iter().any(|part| key.contains(part)) {
            HIDDEN.clone_into(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_keys_are_hidden() {
        let mut settings = BTreeMap::from([
            ("s3.Secret-key".to_owned(), "x".to_owned()),
            ("parallelism.default".to_owned(), "2".to_owned()),
        ]);
        redact(&mut settings);
        assert_eq!(settings["s3.Secret-key"], HIDDEN);
        assert_eq!(settings["parallelism.default"], "2");
    }
}
