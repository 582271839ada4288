//! Which keys exist: Flott's, and those that only Flink has.

use super::{error::Origin, error::Warning, option::AnyOption, options};

/// Keys of Flink 2 and their older names, one a line; a line that ends in `.*` stands for a whole group.
const FLINK_KEYS: &str = include_str!("flink_keys.txt");

/// How similar (0 to 1) a known key must be to be suggested for an unknown one.
const MIN_SIMILARITY: f64 = 0.6;

/// Returns the option that has `key` as its name or as an older name.
pub(super) fn option(key: &str) -> Option<&'static dyn AnyOption> {
    let by_name = options::all().find(|option| option.key() == key);
    by_name.or_else(|| options::all().find(|option| option.older_keys().contains(&key)))
}

/// Tells whether some option's key goes on after `key` and a dot.
pub(super) fn is_group(key: &str) -> bool {
    options::all().any(|option| option.key().strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// Returns the warning for a key that is no option.
pub(super) fn unused(key: &str, origin: Origin) -> Warning {
    let key = key.to_owned();
    if is_flink_key(&key) {
        Warning::NoEffect { origin, key }
    } else {
        let nearest = nearest(&key);
        Warning::UnknownKey { origin, key, nearest }
    }
}

fn is_flink_key(key: &str) -> bool {
    FLINK_KEYS.lines().any(|line| match line.strip_suffix('*') {
        Some(group) => key.starts_with(group),
        None => key == line,
    })
}

pub(super) fn nearest(key: &str) -> Option<&'static str> {
    options::all()
        .flat_map(|option| std::iter::once(option.key()).chain(option.older_keys().iter().copied()))
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&key.to_lowercase(), &known.to_lowercase()), known)
        })
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .and_then(|(_, known)| option(known))
        .map(AnyOption::key)
}

/// The value of a key as it may be shown: a secret as `******`.
///
/// ```
/// use flott_core::config::redacted;
///
/// assert_eq!(redacted("rest.port", "8081"), "8081");
/// assert_eq!(redacted("s3.secret-key", "abc"), "******");
/// ```
pub fn redacted<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { "******" } else { value }
}

/// Tells whether the value of `key` must not be shown, by the words in its name.
fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 9] = [
        "password",
        "secret",
        "token",
        "apikey",
        "api-key",
        "auth-params",
        "service-key",
        "credential",
        "fs.azure.account.key",
    ];
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}
