use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{Error, Result};

/// How storage is reached. Secrets in it are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageOptions {
    pub(crate) s3: S3Options,
    /// How long one attempt may take, without the time for the bytes themselves.
    pub(crate) request_timeout: Duration,
    /// How often something is tried that failed for a reason that may pass.
    pub(crate) attempts: u32,
    /// Pause after the first attempt; it grows fourfold each time.
    pub(crate) backoff: Duration,
    /// From which size on files are sent to object stores in parts, and the size of these.
    pub(crate) part_size: usize,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) faults: Option<crate::testing::Faults>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct S3Options {
    pub(crate) keys: Option<Keys>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) region: Option<String>,
    pub(crate) path_style: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) scheme: &'static str,
    /// Host, port if any, path if any.
    pub(crate) host: String,
}

const ACCESS_KEY: [&str; 3] = ["s3.access-key", "s3.access.key", "fs.s3a.access.key"];
const SECRET_KEY: [&str; 3] = ["s3.secret-key", "s3.secret.key", "fs.s3a.secret.key"];
const SESSION_TOKEN: [&str; 3] = ["s3.session-token", "s3.session.token", "fs.s3a.session.token"];
const ENDPOINT: [&str; 2] = ["s3.endpoint", "fs.s3a.endpoint"];
const REGION: [&str; 3] = ["s3.region", "s3.endpoint.region", "fs.s3a.endpoint.region"];
const PATH_STYLE: [&str; 3] = ["s3.path.style.access", "s3.path-style-access", "fs.s3a.path.style.access"];

impl Default for StorageOptions {
    /// S3 as the environment says (`AWS_ACCESS_KEY_ID` and so on), or with the role of the machine. Proxies are not used.
    fn default() -> Self {
        Self {
            s3: S3Options::default(),
            request_timeout: Duration::from_secs(30),
            attempts: 3,
            backoff: Duration::from_millis(200),
            part_size: 8 << 20,
            #[cfg(any(test, feature = "testing"))]
            faults: None,
        }
    }
}

impl StorageOptions {
    /// Takes what it knows from a configuration: `s3.access-key`, `s3.secret-key`, `s3.session-token`, `s3.endpoint`,
    /// `s3.region` and `s3.path.style.access`, and the other names that Flink and Hadoop have for them. Other keys are ignored.
    ///
    /// # Errors
    /// If a value can't be used, naming its key.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self> {
        let find = |keys: &[&'static str]| {
            let found = keys.iter().find_map(|key| map.get(*key).map(|value| (*key, value.trim())));
            found.filter(|(_, value)| !value.is_empty())
        };
        let owned = |found: Option<(&str, &str)>| found.map(|(_, value)| value.to_owned());
        let mut options = Self::default();
        options.s3.keys = match (find(&ACCESS_KEY), find(&SECRET_KEY)) {
            (None, None) => None,
            (Some((_, access)), Some((_, secret))) => Some(Keys {
                access: access.to_owned(),
                secret: secret.to_owned(),
                token: owned(find(&SESSION_TOKEN)),
            }),
            (Some((key, _)), None) => return Err(alone(key, SECRET_KEY[0])),
            (None, Some((key, _))) => return Err(alone(key, ACCESS_KEY[0])),
        };
        options.s3.endpoint = find(&ENDPOINT).map(|(key, value)| endpoint(key, value)).transpose()?;
        options.s3.region = owned(find(&REGION));
        options.s3.path_style = match find(&PATH_STYLE) {
            None => false,
            Some((key, value)) => value.to_ascii_lowercase().parse().map_err(|_| Error::Option {
                key,
                problem: format!("expected true or false, got \"{value}\""),
            })?,
        };
        Ok(options)
    }

    /// Sets how long one attempt may take, apart from a second for each MiB; 30 s if it is not set.
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets how often something is tried (3) and the pause after the first time (200 ms), which grows fourfold each time.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u32, backoff: Duration) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self.backoff = backoff;
        self
    }

    /// Makes the storage fail as `faults` says.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn with_faults(mut self, faults: crate::testing::Faults) -> Self {
        self.faults = Some(faults);
        self
    }
}

fn alone(key: &'static str, missing: &'static str) -> Error {
    Error::Option { key, problem: format!("is set, but {missing} is not: set both or none") }
}

fn endpoint(key: &'static str, value: &str) -> Result<Endpoint> {
    let wrong = |problem: &str| Error::Option { key, problem: problem.to_owned() };
    let (scheme, host) = match value.split_once("://") {
        Some(("http", host)) => ("http", host),
        Some(("https", host)) => ("https", host),
        Some(_) => return Err(wrong("expected a URL that begins with http:// or https://")),
        None => ("https", value),
    };
    let host = host.trim_end_matches('/');
    if host.contains('@') {
        return Err(wrong("credentials do not belong into the URL: set s3.access-key and s3.secret-key"));
    }
    if host.is_empty()
        || host.starts_with(':')
        || host.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(wrong("expected a URL like http://host:9000"));
    }
    Ok(Endpoint { scheme, host: host.to_owned() })
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageOptions")
            .field("s3_keys", &self.s3.keys)
            .field("s3_endpoint", &self.s3.endpoint)
            .field("s3_region", &self.s3.region)
            .field("s3_path_style", &self.s3.path_style)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<StorageOptions> {
        StorageOptions::from_map(&pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }

    #[test]
    fn secrets_are_not_printed() {
        let options =
            options(&[("s3.access-key", "KEY"), ("s3.secret.key", "SECRET"), ("s3.session-token", "TOKEN")]);
        let text = format!("{:?}", options.unwrap());
        assert!(text.contains("***"), "{text}");
        assert!(!text.contains("KEY") && !text.contains("SECRET") && !text.contains("TOKEN"), "{text}");
    }

    #[test]
    fn flinks_names_are_understood() {
        let options = options(&[
            ("s3.path-style-access", "TRUE"),
            ("s3.endpoint", "http://minio:9000/"),
            ("s3.endpoint.region", "eu-central-1"),
            ("s3.something-else", "x"),
        ])
        .unwrap();
        assert!(options.s3.path_style);
        assert_eq!(options.s3.endpoint, Some(Endpoint { scheme: "http", host: "minio:9000".into() }));
        assert_eq!(options.s3.region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn refusals_name_the_key_and_no_secret() {
        for (pairs, text) in [
            (
                &[("s3.access-key", "K")][..],
                "s3.access-key: is set, but s3.secret-key is not: set both or none",
            ),
            (
                &[("s3.secret.key", "S")][..],
                "s3.secret.key: is set, but s3.access-key is not: set both or none",
            ),
            (
                &[("s3.path.style.access", "yes")][..],
                "s3.path.style.access: expected true or false, got \"yes\"",
            ),
            (
                &[("s3.endpoint", "ftp://host")][..],
                "s3.endpoint: expected a URL that begins with http:// or https://",
            ),
        ] {
            assert_eq!(options(pairs).unwrap_err().to_string(), text);
        }
        let error = options(&[("s3.endpoint", "http://user:SECRET@host")]).unwrap_err().to_string();
        assert!(error.contains("credentials") && !error.contains("SECRET"), "{error}");
    }
}
