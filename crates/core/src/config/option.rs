use super::value::{ConfigValue, Mismatch, RawValue};

/// One option: the only place that knows its key, type, default and range.
///
/// `T` is `Option<…>` where unset means something of its own.
#[derive(Debug)]
pub struct ConfigOption<T> {
    pub(super) key: &'static str,
    pub(super) older_keys: &'static [&'static str],
    pub(super) default: Option<&'static str>,
    pub(super) limit: Option<Limit<T>>,
    pub(super) doc: &'static str,
}

/// A range that is narrower than the type's.
#[derive(Debug)]
pub(super) struct Limit<T> {
    /// What is allowed, for error texts and the reference page.
    pub(super) allowed: &'static str,
    pub(super) holds: fn(&T) -> bool,
}

impl<T: ConfigValue> ConfigOption<T> {
    /// Returns the key, with dots.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Returns the typed value of `raw`.
    ///
    /// # Errors
    /// If `raw` has another type or lies outside the option's range.
    pub(super) fn typed(&self, raw: &RawValue) -> Result<T, Mismatch> {
        let value = T::parse(raw).map_err(|mismatch| match &self.limit {
            Some(limit) => Mismatch { allowed: limit.allowed.to_owned() },
            None => mismatch,
        })?;
        match &self.limit {
            Some(limit) if !(limit.holds)(&value) => Err(Mismatch { allowed: limit.allowed.to_owned() }),
            _ => Ok(value),
        }
    }
}

/// An option whose type does not matter: what the checks and the reference page need of it.
pub trait AnyOption: Sync {
    /// The key, with dots.
    fn key(&self) -> &'static str;
    /// Former names, which are still accepted.
    fn older_keys(&self) -> &'static [&'static str];
    /// The default as one would write it, `None` if unset is the default.
    fn default_text(&self) -> Option<&'static str>;
    /// What may be set.
    fn allowed(&self) -> String;
    /// What it does and when to change it.
    fn doc(&self) -> &'static str;
    /// Tells whether `raw` can be used.
    ///
    /// # Errors
    /// With what is allowed instead.
    fn check(&self, raw: &RawValue) -> Result<(), Mismatch>;
}

impl<T: ConfigValue> AnyOption for ConfigOption<T> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn older_keys(&self) -> &'static [&'static str] {
        self.older_keys
    }

    fn default_text(&self) -> Option<&'static str> {
        self.default
    }

    fn allowed(&self) -> String {
        self.limit.as_ref().map_or_else(T::allowed, |limit| limit.allowed.to_owned())
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn check(&self, raw: &RawValue) -> Result<(), Mismatch> {
        self.typed(raw).map(drop)
    }
}

/// Declares the options of one component. The doc comment is what operators read in the reference page.
///
/// ```text
/// /// What it does. When to change it.
/// NAME: Type = "its.key", default "text", older ["its.former.key"], limit "allowed" => |value| test;
/// ```
macro_rules! options {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $key:literal
            $(, default $default:literal)?
            $(, older [$($older:literal),+])?
            $(, limit $allowed:literal => $holds:expr)?;
    )+) => {
        $(
            $(#[doc = $doc])+
            pub static $name: $crate::config::ConfigOption<$type> = $crate::config::ConfigOption {
                key: $key,
                older_keys: &[$($($older),+)?],
                default: options!(@optional $($default)?),
                limit: options!(@optional $($crate::config::option::Limit { allowed: $allowed, holds: $holds })?),
                doc: concat!($($doc, "\n"),+),
            };
        )+
        /// All options of this component, in the order of the reference page.
        pub(crate) static ALL: &[&dyn $crate::config::AnyOption] = &[$(&$name),+];
    };
    (@optional) => { None };
    (@optional $value:expr) => { Some($value) };
}
pub(super) use options;
