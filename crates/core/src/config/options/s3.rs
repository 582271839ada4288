//! Options of storage that speaks S3. Each daemon uses its own, and hands them to its task hosts.

use std::collections::BTreeMap;

use crate::config::{Configuration, option::options};

options! {
    /// Access key for `s3://`. Unset: that of the environment (`AWS_ACCESS_KEY_ID`) or of the machine's role. Needs
    /// `s3.secret-key`.
    ACCESS_KEY: Option<String> = "s3.access-key", older ["s3.access.key", "fs.s3a.access.key"];
    /// Secret key for `s3://`. It is shown nowhere. Keep the file that holds it from others.
    SECRET_KEY: Option<String> = "s3.secret-key", older ["s3.secret.key", "fs.s3a.secret.key"];
    /// Session token that belongs to temporary keys.
    SESSION_TOKEN: Option<String> = "s3.session-token", older ["s3.session.token", "fs.s3a.session.token"];
    /// Address of the server, such as `http://minio:9000`, if it is not Amazon's.
    ENDPOINT: Option<String> = "s3.endpoint", older ["fs.s3a.endpoint"],
        limit "a URL like http://host:9000, without user name and password" => |endpoint| endpoint
            .as_ref()
            .is_none_or(|endpoint| !endpoint.trim().is_empty() && !endpoint.contains(['@', ' ']));
    /// Region of the bucket. Unset: that of the environment (`AWS_REGION`), or `us-east-1`.
    REGION: Option<String> = "s3.region", older ["s3.endpoint.region", "fs.s3a.endpoint.region"];
    /// Whether buckets are part of the path and not of the host name, as most servers that are not Amazon's need it.
    PATH_STYLE_ACCESS: bool = "s3.path.style.access", default "false",
        older ["s3.path-style-access", "fs.s3a.path.style.access"];
}

/// Returns what is set of these options, by their keys, for those who open storage. Secrets among them.
pub fn storage_options(config: &Configuration) -> BTreeMap<String, String> {
    let keys = ALL.iter().map(|option| option.key()).filter(|key| config.is_set(key));
    let value = |key: &str| config.text_of(key).ok().flatten();
    keys.filter_map(|key| Some((key.to_owned(), value(key)?))).collect()
}
