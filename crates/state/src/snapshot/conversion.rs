use super::TableDescription;
use crate::{
    Error, Result,
    schema::{Evolution, Migration, Plan},
};

/// What becomes of the entries of a stored table in the table that the job has now.
pub(crate) struct Conversion {
    stored: TableDescription,
    /// Whether the stored entries carry times.
    pub(crate) stored_ttl: bool,
    /// Set for maps.
    pub(crate) map_key: Option<Plan>,
    pub(crate) value: Plan,
    /// Whether the entries are written now just as they are stored.
    pub(crate) is_same: bool,
}

impl Conversion {
    /// The conversion from `stored` to `wanted`, which is of the same name.
    pub(crate) fn new(
        stored: &TableDescription,
        wanted: &TableDescription,
        migrations: &[Migration],
    ) -> Result<Self> {
        let incompatible = |reason| Error::Incompatible { state: wanted.name.clone(), reason };
        if stored.kind != wanted.kind {
            return Err(incompatible(format!(
                "the snapshot has a {} state of this name, the job a {} state: give the new one another name",
                stored.kind, wanted.kind
            )));
        }
        for (part, stored, wanted) in
            [("keys", &stored.key, &wanted.key), ("namespaces", &stored.namespace, &wanted.namespace)]
        {
            if stored != wanted {
                return Err(incompatible(format!(
                    "its {part} are of type `{stored}` in the snapshot and of type `{wanted}` in the job, but {part} \
                     must stay the same"
                )));
            }
        }
        let plan = |part: &str, stored, wanted, migrations: &[Migration]| {
            Evolution::plan(stored, wanted, migrations)
                .map_err(|reason| incompatible(format!("its {part} do not fit: {reason}")))
        };
        let map_key = match (&stored.map_key, &wanted.map_key) {
            (None, None) => None,
            (Some(stored), Some(wanted)) => Some(plan("map keys", stored, wanted, &[])?),
            _ => return Err(incompatible("its description in the snapshot is damaged".to_owned())),
        };
        let value = plan("values", &stored.value, &wanted.value, migrations)?;
        let is_same =
            stored.ttl == wanted.ttl && value.is_same() && map_key.as_ref().is_none_or(Plan::is_same);
        Ok(Self { stored: stored.clone(), stored_ttl: stored.ttl, map_key, value, is_same })
    }

    /// The conversion from `stored`, which is the same one as for the segment before nearly always.
    pub(crate) fn of<'c>(
        known: &'c mut Option<Box<Self>>,
        stored: &TableDescription,
        wanted: impl FnOnce() -> TableDescription,
        migrations: &[Migration],
    ) -> Result<&'c Self> {
        if known.as_ref().is_none_or(|known| known.stored != *stored) {
            *known = Some(Box::new(Self::new(stored, &wanted(), migrations)?));
        }
        Ok(known.as_deref().expect("it was made if there was none"))
    }
}
