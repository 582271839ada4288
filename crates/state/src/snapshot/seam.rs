use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a type looks like when it is serialized.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema(String);

impl Schema {
    /// The schema of a type.
    pub fn of<T: DeserializeOwned>() -> Self {
        Self(std::any::type_name::<T>().to_owned())
    }
}
